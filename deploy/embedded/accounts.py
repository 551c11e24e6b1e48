"""How a user whom PostgreSQL refuses starts it: root, and one whose id has no name, as in many containers.

The first of these ways that the system allows:

1. A user namespace in which the user appears as another: no folder's permissions matter.
2. For root, another user, for whom a private mount namespace opens the folders that only root may enter.
3. For root, another user outright, where nothing is closed. Containers often allow root neither namespace.

With 1 the data are the user's own, with 2 and 3 the other's: they are handed over when the way changes.
"""

import ctypes
import os
import pwd
import stat
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

CLONE_NEWUSER, CLONE_NEWNS = 0x1000_0000, 0x2_0000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
_LIBC = ctypes.CDLL(None, use_errno=True)


class Files(NamedTuple):
    """What the program works on: a folder that it must own, and what it must be able to read."""

    owned: Path
    needed: Sequence[Path]


class Way(NamedTuple):
    name: str
    owner: int
    enter: Callable[[], None]
    """Between fork and exec. Raises OSError where the system does not allow it."""


@cache
def other_user() -> int:
    """An id that is not root's and has a name: nobody's, where there is nobody."""
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return next((entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0), 65_534)


def is_refused() -> bool:
    """Whether PostgreSQL would refuse to run as us."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_uid == 0
    except KeyError:
        return True


def ways(files: Files) -> list[Way]:
    """The way that suits the data's owner first."""
    us, other = os.geteuid(), other_user()
    found = [Way("a user namespace", us, lambda: _appear_as(other))]
    if us != 0:
        return found
    paths = [files.owned, *files.needed]
    found.append(Way("a mount namespace", other, lambda: open_to(other, paths)))
    if not closed_folders(paths, other):
        found.append(Way("another user", other, lambda: become(other)))
    owner = files.owned.stat().st_uid
    return sorted(found, key=lambda way: way.owner != owner)


def hand_over(folder: Path, owner: int) -> None:
    if folder.stat().st_uid == owner:
        return
    for path in [*folder.rglob("*"), folder]:  # the folder last: it tells that all were
        os.chown(path, owner, owner, follow_symlinks=False)


def closed_folders(paths: Sequence[Path], user: int) -> dict[Path, list[Path]]:
    """The outermost folder above each path that the user may not enter, with the paths inside."""
    closed: dict[Path, list[Path]] = {}
    for path in sorted(set(paths)):
        outermost = next((p for p in reversed(path.parents) if not _may_enter(p, user)), None)
        if outermost is not None:
            closed.setdefault(outermost, []).append(path)
    return closed


def _may_enter(folder: Path, user: int) -> bool:
    found = folder.stat()
    return bool(found.st_mode & (stat.S_IXUSR if found.st_uid == user else stat.S_IXOTH))


def _appear_as(inner: int) -> None:
    outer_user, outer_group = os.geteuid(), os.getegid()
    _unshare(CLONE_NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{inner} {outer_user} 1"),
        ("gid_map", f"{inner} {outer_group} 1"),
    ):
        descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(descriptor, text.encode())
        os.close(descriptor)


def open_to(user: int, paths: Sequence[Path]) -> None:
    """Become a user to whom the paths are open, whatever lies above them. Nothing on disk is changed.

    In a mount namespace of this process's own each closed folder is covered by an open one that holds the
    paths and nothing else.
    """
    _unshare(CLONE_NEWNS)
    _mount("none", "/", MS_REC | MS_PRIVATE)
    for closed, inside in closed_folders(paths, user).items():
        opened = {path: os.open(path, os.O_PATH) for path in inside}  # before they are covered
        _mount("tmpfs", str(closed), 0, "tmpfs")
        closed.chmod(0o755)
        for path, descriptor in opened.items():
            path.mkdir(parents=True, exist_ok=True)
            _mount(f"/proc/self/fd/{descriptor}", str(path), MS_BIND | MS_REC)
            os.close(descriptor)
    become(user)


def become(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def _unshare(what: int) -> None:
    if _LIBC.unshare(what) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _mount(source: str, target: str, flags: int, kind: str | None = None) -> None:
    kind_bytes = kind.encode() if kind else None
    if _LIBC.mount(source.encode(), target.encode(), kind_bytes, flags, None) != 0:
        raise OSError(ctypes.get_errno(), f"cannot mount {source} on {target}")
