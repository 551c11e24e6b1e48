"""PostgreSQL as an owned child."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.embedded.accounts import Files, hand_over
from deploy.embedded.binaries import postgres_binaries
from deploy.embedded.child import spawn, stop
from deploy.embedded.errors import EmbeddedServerError
from deploy.embedded.folder import DataFolder, free_port, write_private

START_PATIENCE = 900.0
"""Seconds. After a crash it replays up to `max_wal_size` of its log before it answers; one that ends is noticed at once."""
PREDECESSOR_PATIENCE = 60.0
SUPERUSER, OWNER, SERVICE, SERVICE_GROUP, DATABASE = (
    "postgres",
    "verbatim_owner",
    "verbatim",
    "verbatim_service",
    "verbatim",
)

SETTINGS = {
    "fsync": "on",  # an answered write is on disk
    "synchronous_commit": "on",  # the same
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # paths of sockets can be too long; TCP has no such limit
    "shared_buffers": "256MB",  # the working set of a development machine
    "max_wal_size": "2GB",  # fewer checkpoints under load
    "min_wal_size": "80MB",  # files of the log that are kept to be used again; initdb would make it less for small ones
    "wal_compression": "on",  # full page images are most of the log after a checkpoint
    "max_connections": "100",
    "random_page_cost": "1.1",  # SSDs
    "jit": "off",  # our queries are short
    "log_min_duration_statement": "1s",
    # What people wrote stays out of the log: no values of slow or failed statements, no keys that are taken.
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_line_prefix": "%m [%p] %a ",
    "timezone": "UTC",
}
WAL_FILE_MEGABYTES = 4
"""Every commit waits while a file of the log is made, filled with zeros and synced: with 16, the default, four times as long."""
SINCE = {
    16: {"scram_iterations": "1"},  # slows who guesses a password down: ours are 128 random bits
    18: {
        "io_method": "sync"
    },  # what is read lies in memory mostly: workers to read it cost more than they save
}
"""Settings by the first version that knows them."""


class EmbeddedPostgres:
    """One server in `<folder>/postgres`, with an owner for migrations and a login for services."""

    name = "postgres"

    def __init__(
        self,
        folder: DataFolder,
        *,
        binaries: Path | None = None,
        settings: dict[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._data = folder.path / "postgres"
        self._log = folder.path / "postgres.log"
        self._binaries = binaries or postgres_binaries()
        self._settings = SETTINGS | (settings or {})
        # The wheel's programs find their libraries three folders up.
        self._files = Files(folder.path, [self._binaries.parents[2]])
        self._memory = folder.remembered()
        self.child: subprocess.Popen[bytes] | None = None

    @property
    def superuser_url(self) -> str:
        return self._url(SUPERUSER, self._memory.superuser_password, "postgres")

    @property
    def migrate_database_url(self) -> str:
        """The owner's: for `verbatim migrate`."""
        return self._url(OWNER, self._memory.owner_password, DATABASE)

    @property
    def database_url(self) -> str:
        """The services': may append and read, not change or remove."""
        return self._url(SERVICE, self._memory.service_password, DATABASE)

    def _url(self, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self._memory.postgres_port}/{database}"

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the server, making the database first where there is none."""
        self._memory = self._folder.remembered()  # another server may have chosen its port since
        self._initialise()
        if self.child is None:
            self._memory.postgres_port = free_port(self._memory.postgres_port)
            self._folder.remember(self._memory)
        # Started again: others know the port by now, so it stays.
        command = [str(self._binaries / "postgres"), "-D", str(self._data)]
        for setting, value in (self._newer_settings() | self._settings).items():
            command += ["-c", f"{setting}={value}"]
        command += ["-c", f"port={self._memory.postgres_port}"]
        self.child = spawn(
            command,
            death_signal=signal.SIGINT,  # fast shutdown
            output=self._log,
            environ=self._environ(),
            as_account=self._files,
        )
        return self.child

    def _newer_settings(self) -> dict[str, str]:
        version = int((self._data / "PG_VERSION").read_text("utf-8"))
        known = [settings for first, settings in SINCE.items() if version >= first]
        return {name: value for settings in known for name, value in settings.items()}

    def _environ(self) -> dict[str, str]:
        """A stale pid file may name a process that lives and is no server: that one pid is ignored.

        The file is never removed by hand; the server itself checks its shared memory first, so a
        server that does still run on this folder is never overlooked.
        """
        environ = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        pid = self._stale_pid()
        if pid is not None:
            environ["PG_GRANDPARENT_PID"] = str(pid)
        return environ

    def _stale_pid(self) -> int | None:
        try:
            return int((self._data / "postmaster.pid").read_text("utf-8").split()[0])
        except (OSError, IndexError, ValueError):
            return None

    def _initialise(self) -> None:
        if (self._data / "PG_VERSION").exists():
            self._await_predecessor()
            return
        temporary = self._data.with_name("postgres.init")
        shutil.rmtree(temporary, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=self._folder.path) as secret:
            password_file = Path(secret) / "password"
            write_private(password_file, self._memory.superuser_password.encode())
            hand_over(Path(secret), self._folder.path.stat().st_uid)
            child = spawn(
                [
                    *(str(self._binaries / "initdb"), "-D", str(temporary), "-U", SUPERUSER),
                    *("--auth=scram-sha-256", f"--pwfile={password_file}", "--data-checksums"),
                    *("--encoding=UTF8", "--locale=C", "--no-sync"),
                    f"--wal-segsize={WAL_FILE_MEGABYTES}",
                ],
                death_signal=signal.SIGKILL,
                output=self._log,
                as_account=self._files,
            )
            if child.wait() != 0:
                raise EmbeddedServerError(f"initdb failed: {self._last_words()}")
        os.sync()
        temporary.rename(self._data)  # a half-made database is never mistaken for one

    def _await_predecessor(self) -> None:
        """A server whose owner was killed is still shutting down: its folder is free when it is gone."""
        pid = self._stale_pid()
        deadline = time.monotonic() + PREDECESSOR_PATIENCE
        while pid is not None and self._serves_here(pid):
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"process {pid} still runs PostgreSQL on {self._data}; stop it and try again"
                )
            time.sleep(0.02)

    def _serves_here(self, pid: int) -> bool:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return os.fsencode(self._data) in command

    def healthy(self) -> bool:
        """Whether the server answers and is this folder's, not somebody else's on the same port."""
        try:
            with psycopg.connect(self.superuser_url, connect_timeout=2) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and Path(str(row[0])) == self._data

    def prepare(self) -> None:
        """Make roles and database, once; safe again. To be called when healthy."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
            if SERVICE_GROUP not in roles:
                connection.execute(f"CREATE ROLE {SERVICE_GROUP} NOLOGIN")
            for role, password in (
                (
                    SUPERUSER,
                    self._memory.superuser_password,
                ),  # again: initdb has made it with its own settings
                (OWNER, self._memory.owner_password),
                (SERVICE, self._memory.service_password),
            ):
                verb = "ALTER" if role in roles else "CREATE"
                connection.execute(
                    sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                        sql.SQL(verb), sql.Identifier(role), sql.Literal(password)
                    )
                )
            connection.execute(f"GRANT {SERVICE_GROUP} TO {SERVICE}, {OWNER}")
            if not connection.execute(
                "SELECT FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchall():
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")

    def start(self) -> None:
        """Spawn, wait until it answers, prepare. Raises EmbeddedServerError."""
        child = self.spawn()
        deadline = time.monotonic() + START_PATIENCE
        while not self.healthy():
            if child.poll() is not None:
                raise EmbeddedServerError(f"PostgreSQL did not start: {self._last_words()}")
            if time.monotonic() > deadline:
                self.stop()
                raise EmbeddedServerError(f"PostgreSQL does not answer: {self._last_words()}")
            time.sleep(0.01)
        self.prepare()

    def stop(self, patience: float = 6.0) -> None:
        """Fast shutdown: transactions are rolled back, what is committed stays."""
        if self.child is not None:
            stop(self.child, signal.SIGINT, patience=patience, last=signal.SIGQUIT)
            self.child = None

    def _last_words(self) -> str:
        try:
            lines = self._log.read_text("utf-8", errors="replace").splitlines()
        except OSError:
            return "no log was written"
        telling = [line for line in lines if "FATAL" in line or "error" in line.lower()]
        return " / ".join((telling or lines)[-2:]) + f" (see {self._log})"
