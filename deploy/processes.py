"""Supervises children: starts them in order, restarts what dies, stops them in reverse order.

Single-threaded: the loop sleeps in the kernel until a child ends, a signal comes or a time is due.
"""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Protocol

import msgspec

STOP_SECONDS = 8.0
"""What a stop leaves the children to end by themselves; two seconds later the deaf ones are gone, too."""
FIRST_DELAY, LONGEST_DELAY = 0.1, 10.0
STEADY_SECONDS = 30.0
"""After so long in health a child's next restart is prompt again."""
LAST_WORDS = 400
"""Characters of a log's last line that are told where a child does not come up."""


class ChildFailed(Exception):  # noqa: N818 - names the finding
    """A child did not come up at the first start."""


class Spawn(Protocol):
    def __call__(self) -> subprocess.Popen[bytes]: ...


class Child(msgspec.Struct):
    """What to run and how to know that it runs."""

    name: str
    spawn: Spawn
    healthy: Callable[[], bool]
    ready: Callable[[], None] = lambda: None
    """Called once healthy, at the first start: migrations and the like."""
    stop_signal: signal.Signals = signal.SIGTERM
    last_signal: signal.Signals = signal.SIGKILL
    waits: bool = True
    """Started when those before are healthy; else beside the one before."""
    start_seconds: float = 60.0
    hint: str = ""
    """Where to look when it does not start."""


class _Running:
    def __init__(self, child: Child) -> None:
        self.child = child
        self.process: subprocess.Popen[bytes] | None = None
        self.pidfd = -1
        self.started = 0.0
        self.delay = FIRST_DELAY
        self.due: float | None = None


class Supervisor:
    """`tell` gets a line an event; `changed` the pids by name whenever they change."""

    def __init__(
        self,
        children: list[Child],
        *,
        tell: Callable[[str], None],
        changed: Callable[[dict[str, int]], None] | None = None,
    ) -> None:
        self._running = [_Running(child) for child in children]
        self._tell = tell
        self._changed = changed
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector.register(self._wake_read, selectors.EVENT_READ)

    def pids(self) -> dict[str, int]:
        return {r.child.name: r.process.pid for r in self._running if r.process is not None}

    def handle_signals(self) -> None:
        """SIGTERM, Ctrl-C and a closed terminal end `start` and `run`. In the main thread only."""
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stopping = True

    @property
    def stopping(self) -> bool:
        return self._stopping

    def start(self) -> None:
        """Start all in order, each when those before are healthy or beside them. Raises ChildFailed."""
        begun: list[_Running] = []
        for running in self._running:
            if running.child.waits:
                self._await_health(begun)
                begun = []
            if self._stopping:
                return
            self._spawn(running)
            begun.append(running)
        self._await_health(begun)
        if not self._stopping:
            self._report()

    def run(self) -> None:
        """Until a signal asks to stop: restart what dies, with growing delays."""
        while not self._stopping:
            for running in self._running:
                self._tend(running)
            self._sleep()

    def stop(self) -> None:
        """Stop all in reverse order; all are gone when it returns, within STOP_SECONDS."""
        self._stopping = True
        deadline = time.monotonic() + STOP_SECONDS
        for running in reversed(self._running):
            process = running.process
            if process is None:
                continue
            self._forget(running)
            if process.poll() is None:
                process.send_signal(running.child.stop_signal)
            _insist(process, running.child.last_signal, deadline)
            self._tell(f"{running.child.name} stopped")
        signal.set_wakeup_fd(-1)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _spawn(self, running: _Running) -> None:
        running.process = running.child.spawn()
        running.started = time.monotonic()
        running.due = None
        running.pidfd = os.pidfd_open(running.process.pid)
        self._selector.register(running.pidfd, selectors.EVENT_READ)

    def _report(self) -> None:
        if self._changed is not None:
            self._changed(self.pids())

    def _forget(self, running: _Running) -> None:
        if running.pidfd >= 0:
            self._selector.unregister(running.pidfd)
            os.close(running.pidfd)
        running.pidfd = -1
        running.process = None

    def _await_health(self, begun: list[_Running]) -> None:
        for running in begun:
            child = running.child
            deadline = running.started + child.start_seconds
            while not self._stopping and not child.healthy():
                if running.process is None or running.process.poll() is not None:
                    raise ChildFailed(f"{child.name} ended while it was starting{_see(child)}")
                if time.monotonic() > deadline:
                    raise ChildFailed(f"{child.name} does not answer{_see(child)}")
                self._selector.select(0.05)
                self._drain()
            if self._stopping:
                return
            child.ready()

    def _tend(self, running: _Running) -> None:
        now = time.monotonic()
        process = running.process
        if process is not None and process.poll() is not None:
            if now - running.started > STEADY_SECONDS:
                running.delay = FIRST_DELAY
            self._tell(
                f"{running.child.name} ended ({_how(process.returncode)});"
                f" starting it again in {running.delay:g} s"
            )
            self._forget(running)
            running.due = now + running.delay
            running.delay = min(running.delay * 2, LONGEST_DELAY)
        if running.due is not None and now >= running.due:
            try:
                self._spawn(running)
            except Exception as error:  # noqa: BLE001 - whatever it is, the others must go on
                running.due = now + running.delay
                running.delay = min(running.delay * 2, LONGEST_DELAY)
                self._tell(f"{running.child.name} could not be started: {error}")
            else:
                self._tell(f"{running.child.name} started again")
                self._report()

    def _sleep(self) -> None:
        due = [running.due for running in self._running if running.due is not None]
        self._selector.select(max(0.0, min(due) - time.monotonic()) if due else None)
        self._drain()

    def _drain(self) -> None:
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            return


def _see(child: Child) -> str:
    """The last line of its log, which mostly says why, and where the others are."""
    if not child.hint:
        return ""
    try:
        lines = Path(child.hint).read_text("utf-8", errors="replace").split("\n")
    except OSError:
        lines = []
    words = next((line.strip() for line in reversed(lines) if line.strip()), "")
    told = f", and said last: {words[:LAST_WORDS]}" if words else ""
    return f"{told}; see {child.hint}"


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _insist(process: subprocess.Popen[bytes], last: signal.Signals, deadline: float) -> None:
    for number in (last, signal.SIGKILL):
        try:
            process.wait(max(0.5, deadline - 1 - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        else:
            return
    process.wait()
