"""The data folder of embedded servers: who owns it, and what is remembered in it."""

import fcntl
import os
import secrets
import socket
from pathlib import Path

import msgspec

from deploy.embedded.errors import EmbeddedServerError


class Remembered(msgspec.Struct):
    """Kept from start to start, so that addresses and passwords stay the same."""

    postgres_port: int = 0
    nats_port: int = 0
    superuser_password: str = ""
    owner_password: str = ""
    service_password: str = ""
    nats_password: str = ""


class DataFolder:
    """A folder that one process owns, by a lock that the kernel releases when the process ends."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._lock: int | None = None

    def acquire(self) -> None:
        """Raises EmbeddedServerError, naming the owner, where another process has the folder."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise EmbeddedServerError(
                f"the data folder {self.path} cannot be used ({error.strerror});"
                " choose another with VERBATIM_DATA_DIR"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 20, 0).decode() or "unknown"
            os.close(lock)
            raise EmbeddedServerError(
                f"the data folder {self.path} is in use by process {owner};"
                " stop that one, or choose another folder with VERBATIM_DATA_DIR"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        self._lock = lock

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def remembered(self) -> Remembered:
        """What an earlier start chose; made now where this is the first. Owner-readable only."""
        try:
            known = msgspec.json.decode(self._memory.read_bytes(), type=Remembered)
        except (FileNotFoundError, msgspec.DecodeError):
            known = Remembered()
        for field in msgspec.structs.fields(Remembered):
            if field.type is str and not getattr(known, field.name):
                setattr(known, field.name, secrets.token_hex(16))
        self.remember(known)
        return known

    def remember(self, known: Remembered) -> None:
        write_private(self._memory, msgspec.json.encode(known))

    @property
    def _memory(self) -> Path:
        return self.path / "servers.json"


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def free_port(remembered: int = 0) -> int:
    """The remembered port where nobody listens on it, else any free one of 127.0.0.1."""
    for port in (remembered, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EmbeddedServerError("no port of 127.0.0.1 is free; end some programs and try again")


def must_be_free(port: int, setting: str) -> None:
    """Raises EmbeddedServerError, naming the setting, where somebody listens on the port."""
    if port and free_port(port) != port:
        raise EmbeddedServerError(
            f"port {port} is taken by another program; choose another with {setting}"
        )
