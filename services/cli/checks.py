"""What `verbatim doctor` checks on this machine, without any server."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

import msgspec

from deploy import vocabularies
from deploy.embedded.binaries import nats_server, postgres_binaries
from deploy.embedded.errors import EmbeddedServerError
from services.cli.target import FILE
from services.settings import Settings
from services.settings_loading import Loaded

Status = Literal["ok", "warn", "bad"]
LITTLE_SPACE, LOW_SPACE = 1 << 29, 1 << 31
"""Bytes: below the first writes may fail soon, below the second somebody should know."""


class Finding(msgspec.Struct, frozen=True):
    """`mend` says what to do, where something is to be done."""

    status: Status
    check: str
    text: str
    mend: str = ""


def check_settings(loaded: Loaded) -> Finding:
    given = sorted(loaded.sources.items())
    told = ", ".join(f"{name} ({source})" for name, source in given) or "all at their defaults"
    return Finding("ok", "settings", told)


def check_python() -> Finding:
    return Finding("ok", "python", f"{sys.version.split()[0]} in {sys.prefix}")


def check_packages() -> Finding:
    """The installed versions against those that this program asks for."""
    wrong: list[str] = []
    checked = 0
    for line in requires("verbatim") or []:
        if ";" in line and "extra" in line:
            continue
        name, bounds = _requirement(line)
        try:
            found = version(name)
        except PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        checked += 1
        if not all(_within(found, operator, bound) for operator, bound in bounds):
            wrong.append(f"{name} is {found}, needed is {','.join(map(''.join, bounds))}")
    if wrong:
        return Finding("bad", "packages", "; ".join(wrong), "install again: `make dev`")
    return Finding("ok", "packages", f"{checked} of {checked} as required")


def _requirement(line: str) -> tuple[str, list[tuple[str, str]]]:
    name = re.match(r"[A-Za-z0-9._-]+", line)
    bounds: list[tuple[str, str]] = re.findall(r"(>=|<|==)\s*([0-9.]+)", line.partition(";")[0])
    return name[0] if name else line, bounds


def _within(found: str, operator: str, bound: str) -> bool:
    have, want = _numbers(found), _numbers(bound)
    return {">=": have >= want, "<": have < want, "==": have == want}[operator]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def check_vocabularies() -> Iterator[Finding]:
    for encoding in vocabularies.ENCODINGS:
        try:
            path = vocabularies.check(encoding)
        except vocabularies.VocabularyError as error:
            told, _, mend = str(error).partition("; ")
            yield Finding("bad", "vocabulary", told, mend)
        else:
            yield Finding(
                "ok", "vocabulary", f"{encoding}, {path.stat().st_size >> 10} KiB, sha256 right"
            )


def check_binaries(settings: Settings) -> Iterator[Finding]:
    """Of the embedded servers; not needed by whoever names servers of their own."""
    if settings.database_url and settings.nats_url:
        yield Finding("ok", "embedded", "not needed: the settings name servers of your own")
        return
    try:
        folder = postgres_binaries()
        programs = [folder / "postgres", folder / "initdb", nats_server()]
    except EmbeddedServerError as error:
        told, _, mend = str(error).partition("; ")
        yield Finding("bad", "embedded", told, mend)
        return
    for program in programs:
        yield _runs(program)


def _runs(program: Path) -> Finding:
    try:
        ended = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(
            "bad", "embedded", f"{program} does not run: {error}", "install again: `make dev`"
        )
    told = " ".join((ended.stdout or ended.stderr).split())
    if ended.returncode != 0:
        return Finding(
            "bad", "embedded", f"{program} does not run: {told}", "install again: `make dev`"
        )
    return Finding("ok", "embedded", told)


def check_data_folder(settings: Settings) -> Iterator[Finding]:
    path = Path(settings.data_dir).resolve()
    if not path.exists():
        parent = next(folder for folder in path.parents if folder.exists())
        if not os.access(parent, os.W_OK | os.X_OK):
            yield Finding(
                *("bad", "data folder", f"{path} cannot be made: {parent} may not be written to"),
                "choose another with VERBATIM_DATA_DIR",
            )
            return
        yield Finding("ok", "data folder", f"{path} is not there yet; `verbatim dev` makes it")
    else:
        yield _folder(path)
        yield _lock(path)
    yield _space(path)


def _folder(path: Path) -> Finding:
    if not path.is_dir() or not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        mend = "choose another with VERBATIM_DATA_DIR, or make it yours"
        return Finding("bad", "data folder", f"{path} is no folder that may be written to", mend)
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        return Finding(
            *("bad", "data folder", f"others may enter {path} (mode {mode:04o})"),
            f"chmod 700 '{path}'",
        )
    return Finding("ok", "data folder", f"{path}, mode {mode:04o}")


def _lock(path: Path) -> Finding:
    """Whether a `verbatim dev` has the folder: asked of the kernel, not of a pid in a file."""
    try:
        lock = os.open(path / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return Finding("ok", "data lock", "nobody has the data folder")
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(lock, 20, 0).decode(errors="replace")
        return Finding("ok", "data lock", f"process {owner} has the data folder (`verbatim dev`)")
    finally:
        os.close(lock)
    if (path / FILE).exists():
        return Finding(
            *("warn", "data lock", f"{FILE} is left of a `verbatim dev` that was killed"),
            "start `verbatim dev` again, or remove it",
        )
    return Finding("ok", "data lock", "nobody has the data folder")


def _space(path: Path) -> Finding:
    existing = path if path.exists() else next(p for p in path.parents if p.exists())
    free = shutil.disk_usage(existing).free
    told = f"{free / (1 << 30):,.1f} GiB free"
    if free < LOW_SPACE:
        status: Status = "bad" if free < LITTLE_SPACE else "warn"
        return Finding(
            status, "disk", told, "make room, or choose another disk with VERBATIM_DATA_DIR"
        )
    return Finding("ok", "disk", told)
