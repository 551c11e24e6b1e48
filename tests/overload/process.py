"""The process that is flooded: where it runs, what it takes, what it says meanwhile."""

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import httpx

from deploy.embedded.folder import free_port
from tests.deploy.support import descendants
from tests.faults.rig import Rig

NAME, FRESH = "command-1", "command-2"
"""The process that is flooded; one that is started when the flood is over, and takes its turn on the same core."""
TICKS = os.sysconf("SC_CLK_TCK")
MS = re.compile(r' 201","ms":([\d.]+)')


def pinned(made: Rig) -> tuple[int, ...]:
    """The process gets the first core for itself, PostgreSQL the others; gives those. On one core nothing."""
    _, *others = sorted(os.sched_getaffinity(0))
    child = made.postgres.child
    assert child is not None
    if others:
        pin_first(made, NAME)
        _pin(child.pid, set(others))
    return tuple(others)


def pin_first(made: Rig, name: str) -> None:
    """Onto the first core; where it is the only one, nothing is changed."""
    _pin(made.processes[name].pid, {min(os.sched_getaffinity(0))})


@contextmanager
def fresh(made: Rig) -> Iterator[str]:
    """A further process with the same settings; its address."""
    made.ports[FRESH] = free_port()
    made.start(FRESH)
    try:
        made.wait(FRESH)
        pin_first(made, FRESH)
        yield made.url(FRESH)
    finally:
        made.kill(FRESH)
        del made.processes[FRESH], made.ports[FRESH]


def _pin(pid: int, cores: set[int]) -> None:
    for one in (pid, *descendants(pid)):
        with suppress(OSError):
            for thread in Path(f"/proc/{one}/task").iterdir():
                os.sched_setaffinity(int(thread.name), cores)


class Process:
    """Figures of one step."""

    def __init__(self, made: Rig, name: str = NAME) -> None:
        self._folder = Path(f"/proc/{made.processes[name].pid}")
        self._log = made.folder / f"{name}.log"
        child = made.postgres.child
        assert child is not None
        self._postgres = child.pid
        self._before = self._used = self._postgres_used = 0.0
        self._at = 0

    def begin(self) -> None:
        with suppress(OSError):
            (self._folder / "clear_refs").write_text("5")  # the peak begins anew
        self._before = self._status("VmRSS")
        self._used = _cpu(self._folder)
        self._postgres_used = self._of_postgres()
        self._at = self._log.stat().st_size

    def memory(self) -> tuple[float, float, float]:
        """MiB at the step's beginning, at most, and now."""
        return self._before, self._status("VmHWM"), self._status("VmRSS")

    def cpu(self) -> float:
        """Seconds of the processor since the beginning."""
        return _cpu(self._folder) - self._used

    def postgres_cpu(self) -> float:
        return self._of_postgres() - self._postgres_used

    def _of_postgres(self) -> float:
        pids = (self._postgres, *descendants(self._postgres))
        return sum(_cpu(Path(f"/proc/{pid}")) for pid in pids)

    def logged(self, share: float) -> float:
        """Milliseconds in which this share of the accepted was answered, by the process's own log."""
        with self._log.open(encoding="utf-8") as lines:
            lines.seek(self._at)
            times = sorted(float(found[1]) for line in lines if (found := MS.search(line)))
        return times[min(len(times) - 1, int(len(times) * share))] if times else 0.0

    def _status(self, name: str) -> float:
        status = (self._folder / "status").read_text("utf-8")
        return int(status.partition(f"{name}:")[2].split()[0]) / 1024


def _cpu(process: Path) -> float:
    """Seconds of the processor; none of one that has ended."""
    with suppress(OSError):
        fields = (process / "stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
    return 0.0


class Health:
    """Asks for health and figures while it is entered, each on a connection of its own."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="health")
        self._times: list[float] = []
        self.wrong: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def __str__(self) -> str:
        times = sorted(self._times)
        return f"{len(times)} answers, p50 {times[len(times) // 2]:.0f} ms, {times[-1]:.0f} at most"

    def _ask(self) -> None:
        while not self._stop.wait(0.1):
            for path in ("/health/live", "/metrics"):
                began = time.perf_counter()
                try:
                    answer = httpx.get(f"{self._address}{path}", timeout=30, trust_env=False)
                except httpx.TransportError as error:
                    self.wrong.append(f"{path}: {error!r}")
                    continue
                self._times.append((time.perf_counter() - began) * 1_000)
                if answer.status_code != 200:
                    self.wrong.append(f"{path}: {answer.status_code}")
