"""The embedded servers as root, in every way that systems allow, and as an ordinary user; under closed folders, too."""

import json
import os
import platform
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded.accounts import other_user
from deploy.embedded.binaries import postgres_binaries
from tests.deploy.support import append, texts
from tests.deploy.without_namespaces import UNSHARE
from tests.running import DEV, running_dev

CHECKOUT = Path(__file__).resolve().parents[2]
ORDINARY = next((entry.pw_uid for entry in pwd.getpwall() if 1_000 <= entry.pw_uid < 60_000), 1)
NAMELESS = 64_001
PYTHON = [sys.executable, "-m"]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be root")
filters = pytest.mark.skipif(platform.machine() not in UNSHARE, reason="no filter for this machine")


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A folder that only its owner may enter."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    return folder


@pytest.fixture
def opened() -> Iterator[Path]:
    """A folder that everybody may enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def checkout(folder: Path) -> Path:
    """The server's programs and libraries as in a checkout in this folder."""
    binaries = postgres_binaries()
    packages = binaries.parents[2]
    for source in (binaries.parent, packages / f"{binaries.parents[1].name}.libs"):
        target = folder / ".venv" / source.relative_to(packages)
        shutil.copytree(source, target, symlinks=True, copy_function=_link)
    return folder / ".venv" / binaries.relative_to(packages)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk
        shutil.copy2(source, target)


def start(data: Path, binaries: Path, *through: str) -> subprocess.CompletedProcess[str]:
    """Start the servers in a process of their own, that begins as these words say."""
    command = [*PYTHON, "tests.deploy.start_servers", data, binaries]
    return subprocess.run(
        [*through, *command], cwd=CHECKOUT, check=False, capture_output=True, text=True, timeout=120
    )


def without(namespaces: str) -> list[str]:
    return [*PYTHON, "tests.deploy.without_namespaces", namespaces, "--"]


def as_user(user: int, *paths: Path) -> list[str]:
    open_to_it = [CHECKOUT, Path(sys.prefix), Path(sys.base_prefix), *paths]
    return [*PYTHON, "tests.deploy.as_user", str(user), *map(str, open_to_it), "--"]


def facts(ended: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@as_root
def test_as_root_with_all_under_a_closed_folder(closed: Path) -> None:
    """In a user namespace: outside of it the server is root's, and so are its files."""
    binaries, data = checkout(closed), closed / "data"
    expected = {"user": 0, "fsync": "on", "nats": True}
    assert facts(start(data, binaries)) == expected | {"starts": 1}
    assert facts(start(data, binaries)) == expected | {"starts": 2}
    assert {path.stat().st_uid for path in (data, *data.rglob("*"))} == {0}


@as_root
@filters
def test_as_root_without_user_namespaces(closed: Path) -> None:
    """In a mount namespace, as another user, closed folders or not."""
    binaries, data = checkout(closed), closed / "data"
    expected = {"user": other_user(), "fsync": "on", "nats": True}
    assert facts(start(data, binaries, *without("user"))) == expected | {"starts": 1}
    assert facts(start(data, binaries, *without("user"))) == expected | {"starts": 2}
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
@filters
def test_as_root_in_a_container_without_any_namespace(opened: Path, closed: Path) -> None:
    """As another user, where the folders are open; else it says which one is not. The data move with the way."""
    binaries, data = checkout(opened), opened / "data"
    data.mkdir()
    other = {"user": other_user(), "fsync": "on", "nats": True}
    assert facts(start(data, binaries, *without("all"))) == other | {"starts": 1}
    assert facts(start(data, binaries, *without("all"))) == other | {"starts": 2}
    assert facts(start(data, binaries))["starts"] == 3
    refused = start(closed / "data", binaries, *without("all"))
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert "cannot run as root" in line
    outermost = next(p for p in reversed((closed / "data").parents) if not p.stat().st_mode & 0o001)
    assert f" move checkout and data out of {outermost}, " in line
    assert "VERBATIM_DATABASE_URL" in line


@as_root
def test_root_leaves_the_data_of_another_user_alone(opened: Path) -> None:
    data = opened / "data"
    data.mkdir()
    os.chown(data, ORDINARY, ORDINARY)
    refused = start(data, postgres_binaries())
    (line,) = refused.stderr.splitlines()
    assert f"belongs to user {ORDINARY} and you are root" in line
    assert list(data.iterdir()) == []


@as_root
def test_as_a_user_without_a_name(closed: Path) -> None:
    """Containers run programs under ids that no account has; initdb wants a name."""
    os.chown(closed, NAMELESS, NAMELESS)
    with pytest.raises(KeyError):
        pwd.getpwuid(NAMELESS)
    for starts in (1, 2):
        ended = start(closed / "data", postgres_binaries(), *as_user(NAMELESS, closed))
        assert facts(ended) == {"user": NAMELESS, "fsync": "on", "nats": True, "starts": starts}


def test_as_an_ordinary_user(closed: Path) -> None:
    """All of it, from a checkout and data under a folder that nobody else may enter."""
    binaries = checkout(closed)
    user, ordinary = os.geteuid(), list[str]()
    if user == 0:
        user = ORDINARY
        os.chown(closed, user, user)
        ordinary = as_user(user, closed)
    with running_dev(closed / "data", command=[*ordinary, *DEV]) as dev:
        append(dev, "mine", "one")
        assert texts(dev, "mine") == ["one"]
        assert Path(f"/proc/{dev.pids['postgres']}").stat().st_uid == user
    assert {path.stat().st_uid for path in (dev.path, *dev.path.rglob("*"))} == {user}
    assert facts(start(dev.path, binaries, *ordinary))["user"] == user
