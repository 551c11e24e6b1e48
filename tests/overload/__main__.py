"""`python -m tests.overload`: what one command process bears, ten times as much, and how it recovers.

The process has the machine's first core, PostgreSQL and the generator share the others. A request counts from when it was due;
what the process itself logs of an accepted one stands beside it, and how long the machine stood still meanwhile (`bench/stalls.py`).
Behind the flood a process that saw none of it has the same load in turn with the flooded one (`recovery.py`).
"""

import argparse
import sys
import tempfile
from pathlib import Path

import httpx

from bench.stalls import Stalls
from bench.support import machine, table, tell
from tests.faults.checker import gaps_of
from tests.faults.rig import Rig, rig
from tests.overload.check import lost, prepare, wrong_answers
from tests.overload.flood import Load, Plan, flood
from tests.overload.process import FRESH, NAME, Health, Process, fresh, pinned
from tests.overload.recovery import Recovery, recovery
from tests.services.support import new_key

NORMAL = 0.7
HEADER = (
    "step, offered/s, accepted/s, p50 ms, p99 ms, by its log p99 ms, refused, p50 ms, p99 ms, no answer,"
    " CPU, PostgreSQL's, the generator's, MiB before, at most, after, disk at most ms, processor at most ms, stolen ms"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=15.0, help="of each step; the flood has twice as many"
    )
    parser.add_argument("--messages", type=int, default=100, help="of one request")
    parser.add_argument("--times", type=float, default=10.0, help="what it bears")
    parser.add_argument(
        "--clients", type=int, default=8, help="that wait for their answers: what it bears"
    )
    parser.add_argument("--connections", type=int, default=600)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="verbatim-overload-") as path:
        Path(path).chmod(0o755)
        limits = {"VERBATIM_RATE_LIMIT_KEY": "60"}
        with (
            rig(Path(path), names=(NAME,), proxies=False, **limits) as made,
            Stalls(Path(path)) as stalls,
        ):
            run = Run(made, given.messages, given.connections, pinned(made), stalls)
            wrong = run.all(given.seconds, given.times, given.clients)
    print(f"`python -m tests.overload {' '.join(sys.argv[1:])}`: {machine()}\n")
    table(HEADER.split(", "), run.rows)
    print(f"\n{run.summary()}")
    for one in wrong[:20]:
        print(f"WRONG {one}")
    return 1 if wrong else 0


class Run:
    """All steps against one process."""

    def __init__(
        self, made: Rig, messages: int, connections: int, cores: tuple[int, ...], stalls: Stalls
    ) -> None:
        self._made = made
        self._messages = messages
        self._connections = connections
        self._cores = cores
        self._stalls = stalls
        self.loads: list[Load] = []
        self.rows: list[list[str]] = []
        self._cpu: list[float] = []
        self._health = Health(made.url(NAME))

    def all(self, seconds: float, times: float, clients: int) -> list[str]:
        key = self._made.key
        prepare(self._made.url(NAME), key)
        peak = self._step("what it bears", key, 0, clients, seconds).accepted
        rate = peak * NORMAL
        normal = self._step("normal", key, rate, self._connections, seconds)
        with self._health:
            self._step("overload", key, peak * times, self._connections, 2 * seconds)
        self._step("one client", key, 0, 1, seconds / 2)
        again = self._recovery(normal, rate, seconds)
        print(f"Recovery: {again}.\n")
        limited = new_key(self._made.database.service, "acme")
        self._step("over a key's limit", limited, rate, self._connections, seconds)
        return self._wrong(again)

    def _recovery(self, normal: Load, rate: float, seconds: float) -> Recovery[Load]:
        key = self._made.key
        with fresh(self._made) as address:
            prepare(address, key, group=FRESH)

            def at(name: str, step: str) -> Load:
                return self._step(step, key, rate, self._connections, seconds, name)

            at(FRESH, "a fresh process warms up")
            return recovery(
                normal,
                lambda: at(NAME, "normal again"),
                lambda: at(FRESH, "normal, a fresh process"),
            )

    def _step(
        self,
        step: str,
        key: str,
        rate: float,
        connections: int,
        seconds: float,
        name: str = NAME,
    ) -> Load:
        plan = Plan(
            self._made.url(name),
            key,
            f"step{len(self.loads)}",
            self._messages,
            connections,
            rate,
            seconds,
            self._cores,
            group="load" if name == NAME else name,
        )
        process = Process(self._made, name)
        process.begin()
        self._stalls.begin()
        load = flood([plan])
        stood = self._stalls.told()
        before, most, after = process.memory()
        cpu = process.cpu()
        self.loads.append(load)
        self._cpu.append(cpu)
        figures = [load.offered, load.accepted, load.slow(0.5, 201), load.slow(0.99, 201)]
        figures += [process.logged(0.99), load.count(429, 503)]
        figures += [load.slow(0.5, 429, 503), load.slow(0.99, 429, 503), load.count(0)]
        row = [f"{one:,.1f}" if one < 100 else f"{one:,.0f}" for one in figures]
        rest = [f"{one:.0f}" for one in (before, most, after, *stood)]
        shares = [f"{one / seconds:.2f}" for one in (cpu, process.postgres_cpu(), load.cpu)]
        self.rows.append([step, *row, *shares, *rest])
        tell(f"{step}: {load.found}")
        return load

    def summary(self) -> str:
        normal, over = self.loads[1].slow(0.99, 201), self.loads[2].slow(0.99, 201)
        append = self._cpu[0] / max(1, self.loads[0].count(201))
        flooded = self.loads[2]
        rest = self._cpu[2] - append * flooded.count(201)
        return (
            f"The flood offered {flooded.offered / self.loads[0].accepted:.1f} times what the process bears; p99 of the accepted:"
            f" {over / normal:.1f} times the normal one. An accepted request took {append * 1e6:,.0f} µs of the processor, a refused one"
            f" {rest / max(1, flooded.count(503)) * 1e6:,.0f}. Health meanwhile: {self._health}. The generator was away from its sockets for"
            f" {flooded.lag * 1e3:,.0f} ms at most."
        )

    def _wrong(self, again: Recovery[Load]) -> list[str]:
        dsn = self._made.database.service
        _, _, flooded, one, *_, limited = self.loads
        wrong = [*gaps_of(dsn), *lost(dsn, self.loads, self._messages)]
        for load in self.loads:
            wrong += wrong_answers(load)
        wrong += self._health.wrong
        if not flooded.count(503):
            wrong.append("nothing was refused: this was no overload")
        if one.count(503) or not again.is_over:
            found = [load.found for load in again.flooded]
            wrong.append(f"it is not over: {one.found}, {found}; {again}")
        if not limited.count(429):
            wrong.append("the key's limit was not noticed")
        ready = httpx.get(f"{self._made.url(NAME)}/health/ready", timeout=60, trust_env=False)
        if ready.status_code != 200:
            wrong.append(f"not ready afterwards: {ready.text}")
        return wrong


if __name__ == "__main__":
    sys.exit(main())
