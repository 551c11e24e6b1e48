"""Children that die with their owner, and, for an owner who is root, do not run as root."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.embedded.errors import EmbeddedServerError

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x1000_0000
INNER_ID = 1000
"""The id that root appears as inside the namespace: any but 0 will do."""


def spawn(
    command: Sequence[str],
    *,
    death_signal: signal.Signals,
    output: Path,
    environ: Mapping[str, str] | None = None,
    never_root: bool = False,
    folder: Path = Path("/"),
) -> subprocess.Popen[bytes]:
    """Start a direct child in a session of its own; the kernel signals it when this thread ends.

    `never_root`: as root, the child sees itself as another user while its files stay root's: a user
    namespace maps the one to the other, so nothing is copied and no folder's permissions matter.
    """
    with output.open("ab") as log:
        try:
            return subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=None if environ is None else dict(environ),
                start_new_session=True,
                preexec_fn=_Preparation(death_signal, drop_root=never_root and os.geteuid() == 0),  # noqa: PLW1509 - started from a single thread
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise EmbeddedServerError(_cannot_start(command[0], error, never_root)) from error


def _cannot_start(program: str, error: Exception, never_root: bool) -> str:
    if never_root and os.geteuid() == 0:
        return (
            f"{program} cannot run as root, and this system allows root no user namespace ({error});"
            " run as an ordinary user, or name servers of your own with VERBATIM_DATABASE_URL"
            " and VERBATIM_NATS_URL"
        )
    return f"{program} could not be started: {error}"


class _Preparation:
    """Runs in the child between fork and exec. Everything it needs is looked up before the fork."""

    def __init__(self, death_signal: signal.Signals, *, drop_root: bool) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._death_signal = int(death_signal)
        self._drop_root = drop_root
        self._owner = os.getpid()

    def __call__(self) -> None:
        if self._drop_root:
            self._appear_as_another()
        # After the change of user, which clears it.
        self._libc.prctl(PR_SET_PDEATHSIG, self._death_signal, 0, 0, 0)
        if os.getppid() != self._owner:
            os._exit(1)  # the owner died before the signal was set

    def _appear_as_another(self) -> None:
        outer_user, outer_group = os.geteuid(), os.getegid()
        if self._libc.unshare(CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{INNER_ID} {outer_user} 1"),
            ("gid_map", f"{INNER_ID} {outer_group} 1"),
        ):
            descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
            os.write(descriptor, text.encode())
            os.close(descriptor)


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
