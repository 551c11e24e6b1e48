"""Where the machine itself stands still, told beside a measurement: what a process that hardly does anything waits for.

One process a core only wants to wake every few milliseconds; one only wants a few bytes in a file of its own on the disk. When
they are kept waiting, so is what is measured, whoever it is that keeps them.
"""

import os
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple, Self

NAP = 0.005
SYNC_NAP = 0.02
BLOCK, BLOCKS = 8_192, 128
"""As PostgreSQL writes its log: into a file that is as long as it will be."""


class Standstill(NamedTuple):
    """Milliseconds, since `Stalls.begin`."""

    disk: float
    """The longest that a few bytes took to be on the disk."""
    processor: float
    """The longest that a process which was due did not run, on any core."""
    stolen: float
    """Of all cores together, what the machine's host gave to others."""


class Stalls:
    """While entered. `folder` is on the disk that matters."""

    def __init__(self, folder: Path) -> None:
        self._context = get_context("spawn")
        self._cores = sorted(os.sched_getaffinity(0))
        self._longest: Any = self._context.RawArray("d", 1 + len(self._cores))
        self._file = folder / "stalls"
        self._stolen = 0.0
        self.watchers: list[BaseProcess] = []
        """The disk's first."""

    def __enter__(self) -> Self:
        tasks: list[tuple[Callable[..., None], Sequence[Any]]] = [(_sync, (self._file,))]
        tasks += [(_wake, (place, core)) for place, core in enumerate(self._cores, 1)]
        for task, arguments in tasks:
            watcher = self._context.Process(
                target=task, args=(self._longest, os.getpid(), *arguments), daemon=True
            )
            watcher.start()
            self.watchers.append(watcher)
        while min(self._longest) == 0 and all(watcher.is_alive() for watcher in self.watchers):
            time.sleep(NAP)  # their own start is nobody's standstill
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        for watcher in self.watchers:
            watcher.kill()
            watcher.join()
        self._file.unlink(missing_ok=True)

    def begin(self) -> None:
        self._stolen = _stolen_seconds()
        for place in range(len(self._longest)):
            self._longest[place] = 0.0

    def told(self) -> Standstill:
        disk, *cores = self._longest
        stolen = _stolen_seconds() - self._stolen
        return Standstill(disk * 1_000, max(cores) * 1_000, stolen * 1_000)


def _wake(longest: Any, parent: int, place: int, core: int) -> None:
    os.sched_setaffinity(0, {core})
    last = time.perf_counter()
    while os.getppid() == parent:
        time.sleep(NAP)
        now = time.perf_counter()
        longest[place] = max(longest[place], now - last - NAP)
        last = now


def _sync(longest: Any, parent: int, path: Path) -> None:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.pwrite(file, bytes(BLOCK * BLOCKS), 0)
    os.fsync(file)
    number = 0
    while os.getppid() == parent:
        time.sleep(SYNC_NAP)
        number += 1
        began = time.perf_counter()
        os.pwrite(file, b"%8d" % number, number % BLOCKS * BLOCK)
        os.fdatasync(file)
        longest[0] = max(longest[0], time.perf_counter() - began)


def _stolen_seconds() -> float:
    first = Path("/proc/stat").read_text("ascii").splitlines()[0].split()
    return int(first[8]) / os.sysconf("SC_CLK_TCK")
