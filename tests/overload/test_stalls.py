"""The watchers that tell where the machine stood still: facts, no times of the machine's own."""

import os
import signal
import time
from pathlib import Path

from bench.stalls import Stalls
from tests.running import wait_until

STOPPED = 0.3


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] == "T"


def test_a_standstill_is_told(tmp_path: Path) -> None:
    with Stalls(tmp_path) as stalls:
        pid = stalls.watchers[-1].pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: _is_stopped(pid), 60)
        since = time.monotonic()
        wait_until(lambda: time.monotonic() - since > STOPPED, 60)
        os.kill(pid, signal.SIGCONT)
        wait_until(lambda: stalls.told().processor > STOPPED * 900, 60)


def test_it_begins_anew_and_leaves_nothing(tmp_path: Path) -> None:
    with Stalls(tmp_path) as stalls:
        for watcher in stalls.watchers:
            watcher.kill()
            watcher.join()
        stalls.begin()
        assert stalls.told()[:2] == (0.0, 0.0)
        assert stalls.told().stolen >= 0
    assert list(tmp_path.iterdir()) == []
