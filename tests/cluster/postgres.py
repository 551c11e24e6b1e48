"""A PostgreSQL primary and a standby that holds each commit before it is answered."""

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
import psycopg

from deploy.embedded.accounts import Files
from deploy.embedded.binaries import postgres_binaries
from deploy.embedded.child import spawn
from deploy.embedded.folder import DataFolder, free_port
from deploy.embedded.postgres import EmbeddedPostgres
from tests.deploy.support import descendants
from tests.running import wait_until
from tests.servers import PROGRAMS

STANDBY = "standby"
READY = 60.0


class Server(NamedTuple):
    folder: DataFolder
    postgres: EmbeddedPostgres

    @property
    def port(self) -> int:
        return self.folder.remembered().postgres_port

    def pids(self) -> list[int]:
        child = self.postgres.child
        assert child is not None
        return [child.pid, *descendants(child.pid)]

    def signal(self, number: signal.Signals) -> None:
        """To all its processes at once."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        assert self.postgres.child is not None
        self.postgres.child.wait()

    def tell(self, *statements: str) -> object:
        """As superuser; the first value of the last answer."""
        with psycopg.connect(
            self.postgres.superuser_url, autocommit=True, connect_timeout=5
        ) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            row = cursor.fetchone() if cursor.description else None
        return None if row is None else row[0]


class Pair:
    """`primary` takes the writes. Each server keeps its port, whichever part it plays."""

    def __init__(self, folder: Path) -> None:
        first, second = DataFolder(folder / "first"), DataFolder(folder / "second")
        first.acquire()
        second.acquire()
        self._programs = Path(PROGRAMS) if PROGRAMS else postgres_binaries()
        self.primary = Server(first, EmbeddedPostgres(first, binaries=self._programs))
        self.primary.postgres.start()
        second.remember(msgspec.structs.replace(first.remembered(), postgres_port=free_port()))
        self.standby = Server(second, EmbeddedPostgres(second, binaries=self._programs))
        self.copy()

    def url(self, url: str) -> str:
        """Of the primary now, as the URL that finds it wherever it is."""
        login, _, place = url.rpartition("@")
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in (self.primary, self.standby))
        return f"{login}@{hosts}/{place.partition('/')[2]}?target_session_attrs=read-write"

    def copy(self) -> None:
        """Make the standby anew from the primary; commits wait for it from then on."""
        folder, programs = self.standby.folder.path, self._programs
        shutil.rmtree(folder / "postgres", ignore_errors=True)
        source = f"{self.primary.postgres.superuser_url}?application_name={STANDBY}"
        child = spawn(
            [
                *(str(programs / "pg_basebackup"), "-D", str(folder / "postgres"), "-d", source),
                *("--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
            ],
            death_signal=signal.SIGKILL,
            output=folder / "basebackup.log",
            as_account=Files(folder, [programs.parents[2]]),
        )
        assert child.wait() == 0, (folder / "basebackup.log").read_text("utf-8")
        self.start_standby()

    def start_standby(self) -> None:
        self.standby.postgres.spawn()
        wait_until(self.standby.postgres.healthy, READY, lambda: "the standby does not answer")
        self.primary.tell(
            f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'", "SELECT pg_reload_conf()"
        )
        wait_until(self.synchronous, READY, lambda: "the standby is not synchronous")

    def synchronous(self) -> bool:
        found = self.primary.tell("SELECT max(sync_state) FROM pg_stat_replication")
        return found == "sync"

    def promote(self) -> None:
        """The standby takes over from a primary that is gone. Nobody is there yet that its commits could wait for."""
        self.standby.tell(
            "ALTER SYSTEM RESET synchronous_standby_names",
            "SELECT pg_reload_conf()",
            "SELECT pg_promote()",
        )
        self.primary, self.standby = self.standby, self.primary

    def stop(self) -> None:
        for server in (self.primary, self.standby):
            if server.postgres.child is not None and server.postgres.child.poll() is None:
                server.signal(signal.SIGCONT)
            server.postgres.stop()
            server.folder.release()
