"""Children that die with their owner, and run as an account where a program insists on one."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploy.embedded.accounts import (
    Files,
    closed_folders,
    hand_over,
    is_refused,
    other_user,
    ways,
)
from deploy.embedded.errors import EmbeddedServerError

PR_SET_PDEATHSIG = 1


def spawn(
    command: Sequence[str],
    *,
    death_signal: signal.Signals,
    output: Path | None,
    environ: Mapping[str, str] | None = None,
    as_account: Files | None = None,
    folder: Path = Path("/"),
) -> subprocess.Popen[bytes]:
    """Start a direct child in a session of its own; the kernel signals it when this thread ends.

    `output` gets what it prints, and only its owner may read it; without one, whoever gets ours.
    `as_account`: the child is neither root nor nameless, even where we are; what it works on.
    """
    log = None if output is None else _log(output)

    def start(enter: Callable[[], None]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=None if environ is None else dict(environ),
            start_new_session=True,
            preexec_fn=_Preparation(death_signal, enter),  # noqa: PLW1509 - started from a single thread
        )

    try:
        if as_account is not None and is_refused():
            return _start_as_account(command[0], start, as_account)
        return start(lambda: None)
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedServerError(f"{command[0]} could not be started: {error}") from error
    finally:
        if log is not None:
            os.close(log)


def _log(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _start_as_account(
    program: str, start: Callable[[Callable[[], None]], subprocess.Popen[bytes]], files: Files
) -> subprocess.Popen[bytes]:
    tried: list[str] = []
    for way in ways(files):
        hand_over(files.owned, way.owner)
        try:
            return start(way.enter)
        except (OSError, subprocess.SubprocessError):
            tried.append(way.name)
    us = "root" if os.geteuid() == 0 else f"user {os.geteuid()}, who has no name here"
    closed = ", ".join(map(str, closed_folders([files.owned, *files.needed], other_user())))
    move = f" move checkout and data out of {closed}, which others may not enter," if closed else ""
    raise EmbeddedServerError(
        f"{program} cannot run as {us}, and this system allows not even {', '.join(tried)};{move}"
        " run as an ordinary user with an account, or name a server of your own with VERBATIM_DATABASE_URL"
    )


class _Preparation:
    """Runs in the child between fork and exec. Everything it needs is looked up before the fork."""

    def __init__(self, death_signal: signal.Signals, enter: Callable[[], None]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._death_signal = int(death_signal)
        self._enter = enter
        self._owner = os.getpid()

    def __call__(self) -> None:
        self._enter()
        # After the change of user, which clears it.
        self._libc.prctl(PR_SET_PDEATHSIG, self._death_signal, 0, 0, 0)
        if os.getppid() != self._owner:
            os._exit(1)  # the owner died before the signal was set


def stop(
    child: subprocess.Popen[bytes], how: signal.Signals, *, patience: float, last: signal.Signals
) -> int:
    """Ask the child to end, insist after `patience` seconds; its exit code."""
    if child.poll() is None:
        child.send_signal(how)
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            child.send_signal(last)
            try:
                child.wait(2)
            except subprocess.TimeoutExpired:
                child.kill()
    return child.wait()
