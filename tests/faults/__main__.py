"""`python -m tests.faults [--seeds N] [--seconds S] [--only FAULT] [--seed K]`: every fault with many seeds.

Progress on standard error, a table on standard output. A failure names the command that repeats it.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from subprocess import SubprocessError

import httpx
import psycopg

from bench.support import machine, table, tell
from tests.faults.disk import CannotMount, small_disk
from tests.faults.driver import Report, run
from tests.faults.faults import FAULTS, FULL_DISK, missing
from tests.faults.rig import Rig, rig
from tests.faults.strike import Fault


def main(
    program: str,
    about: str | None,
    faults: Mapping[str, Fault],
    made_rig: Callable[[Path], AbstractContextManager[Rig]],
) -> int:
    """Its exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=about)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--seed", type=int, help="this one only")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each fault lasts")
    parser.add_argument("--only", choices=[*faults])
    given = parser.parse_args()
    seeds = range(1, given.seeds + 1) if given.seed is None else [given.seed]
    chosen: list[str] = []
    for fault in [given.only] if given.only else faults:
        if reason := missing(fault):
            tell(f"{fault} is left out: {reason}")
        else:
            chosen.append(fault)
    began = time.monotonic()
    reports: list[Report] = []
    for number, seed in enumerate(seeds, 1):
        for own, make in (
            ([fault for fault in chosen if fault != FULL_DISK], made_rig),
            ([fault for fault in chosen if fault == FULL_DISK], _on_a_small_disk),
        ):
            left = own
            while left:  # once more for what is left where a run did not come to its end
                for report in _on_one_rig(make, {f: faults[f] for f in left}, seed, given.seconds):
                    reports.append(report)
                    left = left[1:]
                    tell(_line(report, number, len(seeds)))
                if own == [FULL_DISK]:
                    break
    broken = [report for report in reports if report.broken]
    for report in broken:
        print(f"BROKEN {report.fault}, seed {report.seed}: {report.happened}")
        for one in report.broken[:10]:
            print(f"  {one}")
        again = f"--only '{report.fault}' --seed {report.seed} --seconds {given.seconds:g}"
        print(f"  again: python -m {program} {again}")
    which = f"--seeds {given.seeds}" if given.seed is None else f"--seed {given.seed}"
    print(f"`python -m {program} {which} --seconds {given.seconds:g}`: {machine()}\n")
    _table(reports, chosen)
    took = (time.monotonic() - began) / 60
    print(f"{len(reports)} runs in {took:.0f} minutes, {len(broken)} broken.")
    return 1 if broken else 0


def _on_one_rig(
    make: Callable[[Path], AbstractContextManager[Rig]],
    faults: Mapping[str, Fault],
    seed: int,
    seconds: float,
) -> Iterator[Report]:
    """A report each, up to the first run that does not come to its end: nobody knows how that left the rig."""
    with tempfile.TemporaryDirectory(prefix="verbatim-faults-") as path, ExitStack() as stack:
        Path(path).chmod(0o755)
        try:
            made = stack.enter_context(make(Path(path)))
        except CannotMount as reason:
            tell(f"{FULL_DISK} is left out: {reason}")
            return
        for fault, strike in faults.items():
            began = time.monotonic()
            try:
                yield run(made, fault, seed, seconds, strike)
            except (
                AssertionError,
                OSError,
                SubprocessError,
                httpx.HTTPError,
                psycopg.Error,
            ) as error:
                took = time.monotonic() - began
                why = f"did not come to its end: {type(error).__name__}: {str(error)[:2_000]}"
                yield Report(fault, seed, why, 0, 0, 0, 0, 0, [why], took, took)
                return


@contextmanager
def _on_a_small_disk(path: Path) -> Iterator[Rig]:
    with small_disk(path / "disk") as disk, rig(path, disk) as made:
        yield made


def _line(report: Report, number: int, of: int) -> str:
    verdict = f"BROKEN: {report.broken[0]}" if report.broken else "whole"
    return (
        f"[seed {report.seed}, {number}/{of}] {report.fault}: {report.happened};"
        f" {report.acknowledged} acknowledged, {report.unknown} unknown, {report.reads} reads;"
        f" {verdict} ({report.took:.0f} s)"
    )


def _table(reports: list[Report], chosen: list[str]) -> None:
    rows: list[list[str]] = []
    for fault in chosen:
        own = [report for report in reports if report.fault == fault]
        figures = [
            sum(getattr(report, name) for report in own)
            for name in ("acknowledged", "unknown", "reads")
        ]
        lost = sum(len(report.broken) for report in own)
        silence = max((report.silence for report in own), default=0.0)
        counts = [f"{figure:,}" for figure in figures]
        rows.append([fault, str(len(own)), *counts, f"{silence:.1f}", str(lost)])
    heads = ["fault", "runs", "acknowledged writes", "unknown", "reads", "longest silence, s"]
    table([*heads, "promises broken"], rows)


if __name__ == "__main__":
    sys.exit(main("tests.faults", __doc__, FAULTS, rig))
