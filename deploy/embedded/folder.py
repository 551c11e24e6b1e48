"""The data folder of embedded servers: who owns it, and what is remembered in it."""

import fcntl
import os
import secrets
import socket
from pathlib import Path

import msgspec

from deploy.embedded.accounts import other_user
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
            self._refuse_anothers()
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

    def _refuse_anothers(self) -> None:
        """Root may write anywhere, but what it leaves in a user's folder that user cannot use afterwards."""
        owner = self.path.stat().st_uid
        if os.geteuid() == 0 and owner not in (0, other_user()):
            raise EmbeddedServerError(
                f"the data folder {self.path} belongs to user {owner} and you are root;"
                " run as that user, or choose another folder with VERBATIM_DATA_DIR"
            )

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def remembered(self) -> Remembered:
        """What an earlier start chose; made now where this is the first. Owner-readable only.

        Raises EmbeddedServerError where it was lost: with it the password of the data is gone.
        """
        try:
            known = msgspec.json.decode(self._memory.read_bytes(), type=Remembered)
        except (FileNotFoundError, msgspec.DecodeError):
            if (self.path / "postgres").exists():
                raise EmbeddedServerError(
                    f"{self._memory}, which holds the passwords of the data beside it, is lost or damaged;"
                    " bring it back from a copy, or choose another folder with VERBATIM_DATA_DIR"
                ) from None
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
    """The remembered port where nobody listens on it, else any free one of 127.0.0.1.

    It stays this process's: bound, so that the system gives it to no other and to no outgoing connection, and not listened on, so
    that a server may, and may again when it was ended.
    """
    for port in (remembered, 0):
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind(("127.0.0.1", port))
        except OSError:
            holder.close()
            continue
        chosen = int(holder.getsockname()[1])
        holder.detach()  # open until the process ends
        return chosen
    raise EmbeddedServerError("no port of 127.0.0.1 is free; end some programs and try again")
