"""The supervisor, with real children."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy import processes
from deploy.processes import Child, ChildFailed, Supervisor
from tests.deploy.support import alive

SLEEPER = ["sleep", "600"]


class Telling:
    """A supervisor whose words are kept, and which stops once it has said something so many times."""

    def __init__(self, *children: Child) -> None:
        self.told: list[str] = []
        self.pids: list[dict[str, int]] = []
        self.supervisor = Supervisor(list(children), tell=self._tell, changed=self.pids.append)
        self._last: tuple[str, int] = ("", -1)
        self._stopped = False

    def _tell(self, line: str) -> None:
        self.told.append(line)
        word, times = self._last
        if sum(word in line for line in self.told) == times:
            self.supervisor._stopping = True  # as a signal does, and wakes it
            os.write(self.supervisor._wake_write, b"x")

    def stop(self) -> None:
        if not self._stopped:
            self._stopped = True
            self.supervisor.stop()

    def run_until(self, word: str, times: int) -> None:
        self._last = (word, times)
        self.supervisor.start()
        self.supervisor.run()


@pytest.fixture
def made() -> Iterator[Callable[..., Telling]]:
    """Makes supervisors; each is stopped at the end."""
    all_made: list[Telling] = []

    def make(*children: Child) -> Telling:
        all_made.append(Telling(*children))
        return all_made[-1]

    yield make
    for telling in all_made:
        telling.stop()


def child(name: str, command: list[str], **more: Any) -> Child:
    healthy = more.pop("healthy", lambda: True)
    return Child(name, lambda: subprocess.Popen(command), healthy, **more)


def test_each_starts_when_those_before_are_healthy_and_ready(made: Any) -> None:
    order: list[str] = []
    asked: dict[str, int] = {}

    def one(name: str, *, waits: bool = True) -> Child:
        def spawn() -> subprocess.Popen[bytes]:
            order.append(f"spawn {name}")
            return subprocess.Popen(SLEEPER)

        def healthy() -> bool:
            asked[name] = asked.get(name, 0) + 1
            return asked[name] > 2

        return Child(name, spawn, healthy, ready=lambda: order.append(f"ready {name}"), waits=waits)

    telling = made(one("a"), one("b", waits=False), one("c"))
    telling.supervisor.start()
    assert order == ["spawn a", "spawn b", "ready a", "ready b", "spawn c", "ready c"]
    assert [sorted(pids) for pids in telling.pids] == [["a", "b", "c"]]


def test_one_that_keeps_ending_is_started_with_growing_delays(made: Any) -> None:
    steady = child("steady", SLEEPER)
    telling = made(steady, child("weak", ["sh", "-c", "exit 3"]))
    telling.run_until("weak ended", 5)
    ended = [line for line in telling.told if "ended" in line]
    assert ended == [
        f"weak ended (exit code 3); starting it again in {delay} s"
        for delay in ("0.1", "0.2", "0.4", "0.8", "1.6")
    ]
    assert telling.told[:4] == [ended[0], "weak started again", ended[1], "weak started again"]
    assert len({pids["steady"] for pids in telling.pids}) == 1
    assert len({pids["weak"] for pids in telling.pids}) == len(telling.pids) == 5


def test_the_delay_is_bounded_and_short_again_after_a_steady_time(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "LONGEST_DELAY", 0.15)
    telling = made(child("weak", ["false"]))
    telling.run_until("ended", 4)
    delays = [line.split()[-2] for line in telling.told if "ended" in line]
    assert delays == ["0.1", "0.15", "0.15", "0.15"]
    monkeypatch.setattr(processes, "STEADY_SECONDS", 0.0)
    telling = made(child("weak", ["false"]))
    telling.run_until("ended", 3)
    assert [line.split()[-2] for line in telling.told if "ended" in line] == ["0.1"] * 3


def test_one_that_cannot_be_started_again_is_tried_again(made: Any) -> None:
    tries: list[int] = []

    def spawn() -> subprocess.Popen[bytes]:
        tries.append(1)
        if len(tries) == 2:
            raise OSError("no room")
        return subprocess.Popen(["false"] if len(tries) == 1 else SLEEPER)

    telling = made(Child("unlucky", spawn, lambda: True))
    telling.run_until("started again", 1)
    assert telling.told[1:] == ["unlucky could not be started: no room", "unlucky started again"]
    assert len(tries) == 3


def test_one_that_ends_while_starting_is_told_with_its_log(made: Any) -> None:
    before = child("before", SLEEPER)
    broken = child("broken", ["false"], healthy=lambda: False, hint="/some.log")
    telling = made(before, broken, child("never", SLEEPER))
    with pytest.raises(ChildFailed, match=r"broken ended while it was starting; see /some\.log"):
        telling.supervisor.start()
    pids = telling.supervisor.pids()
    assert set(pids) == {"before", "broken"}
    telling.stop()
    assert not any(map(alive, pids.values()))


def test_one_that_does_not_answer_in_time_is_told(made: Any) -> None:
    telling = made(child("mute", SLEEPER, healthy=lambda: False, start_seconds=0.05))
    with pytest.raises(ChildFailed, match="mute does not answer"):
        telling.supervisor.start()


def test_its_last_words_are_told(made: Any, tmp_path: Path) -> None:
    log = tmp_path / "mute.log"
    log.write_text("begun\nthis is another's stream\n\n", "utf-8")
    telling = made(child("mute", SLEEPER, healthy=lambda: False, start_seconds=0.05, hint=str(log)))
    with pytest.raises(ChildFailed) as failed:
        telling.supervisor.start()
    expected = f"mute does not answer, and said last: this is another's stream; see {log}"
    assert str(failed.value) == expected


def test_a_deaf_one_is_killed_and_all_are_gone_when_the_stop_is_done(
    made: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.5)
    deaf_now = tmp_path / "deaf"
    script = f"trap '' TERM INT; touch '{deaf_now}'; while :; do sleep 0.1; done"
    telling = made(
        child("first", SLEEPER, stop_signal=signal.SIGINT),
        child("deaf", ["sh", "-c", script], healthy=deaf_now.exists),
        child("last", SLEEPER),
    )
    telling.supervisor.start()
    pids = telling.supervisor.pids()
    telling.stop()
    assert telling.told == ["last stopped", "deaf stopped", "first stopped"]
    assert not any(map(alive, pids.values()))
