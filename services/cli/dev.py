"""`verbatim dev`: embedded servers and all our processes, under one supervisor."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psycopg
import rich_click as click

from deploy.embedded.child import spawn
from deploy.embedded.folder import DataFolder, free_port, write_private
from deploy.embedded.nats import EmbeddedNats
from deploy.embedded.postgres import START_PATIENCE, EmbeddedPostgres
from deploy.processes import Child, Supervisor
from eventstore.connect import check_server, connect
from eventstore.migrate import migrate
from projections.leading import RELAY, is_led
from projections.registry import GROUPS, Group
from services.cli.common import CannotStart, plain_errors, tell
from services.cli.common import settings as load_settings
from services.cli.health import serves
from services.cli.helping import Command
from services.cli.target import FILE, OWN, Running
from services.http import keys
from services.listening import listen
from services.settings import PREFIX, Settings

KEY_FILE = "dev-key"
# The pid of the one process that serves these rooms is told under each one's name.
HTTP_ROOMS = ("command", "query", "gateway")


@click.command(cls=Command)
def dev() -> None:
    """Run everything on this machine, embedded PostgreSQL and NATS included, until Ctrl-C.

    All data lies in VERBATIM_DATA_DIR (.verbatim in this folder). VERBATIM_DATABASE_URL and VERBATIM_NATS_URL
    name servers of your own instead of the embedded ones.

    Example:
      VERBATIM_PORT=9000 VERBATIM_DATA_DIR=/tmp/try verbatim dev

    """
    settings = load_settings()
    if settings.environment == "production":
        raise CannotStart(
            "`verbatim dev` is not for production: it keeps all on one machine; start each process by itself"
            " (see docs/operations.md), or unset VERBATIM_ENVIRONMENT"
        )
    with plain_errors():
        folder = DataFolder(Path(settings.data_dir))
        folder.acquire()
        try:
            Dev(settings, folder).run()
        finally:
            folder.release()


class Dev:
    """One run of `verbatim dev` on one data folder."""

    def __init__(self, settings: Settings, folder: DataFolder) -> None:
        self._settings = settings
        self._folder = folder
        self._file = folder.path / FILE
        self._port = settings.port or free_port()
        self._postgres = None if settings.database_url else EmbeddedPostgres(folder)
        self._nats = None if settings.nats_url else EmbeddedNats(folder)
        if self._postgres is not None:
            _forget_libpq_variables()
        self._api_key = ""
        self._supervisor = Supervisor(self._children(), tell=tell, changed=self._publish)

    @property
    def database_url(self) -> str:
        return self._postgres.database_url if self._postgres else self._settings.database_url

    @property
    def nats_url(self) -> str:
        return self._nats.nats_url if self._nats else self._settings.nats_url

    @property
    def address(self) -> str:
        host = self._settings.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    def run(self) -> None:
        """Until a signal. Raises ChildFailed, EmbeddedServerError, PortTaken, what the database raises."""
        self._file.unlink(missing_ok=True)
        listen(self._settings.host, self._port).close()  # told now, not after a long start
        started = time.monotonic()
        self._supervisor.handle_signals()
        try:
            if self._postgres is None:
                self._prepare_database()
            self._supervisor.start()
            if not self._supervisor.stopping:
                self._greet(time.monotonic() - started)
            self._supervisor.run()
        finally:
            self._file.unlink(missing_ok=True)
            self._supervisor.stop()

    def _children(self) -> list[Child]:
        children: list[Child] = []
        if self._postgres is not None:
            children.append(
                Child(
                    "postgres",
                    self._postgres.spawn,
                    self._postgres.healthy,
                    ready=self._prepare_database,
                    stop_signal=signal.SIGINT,
                    last_signal=signal.SIGQUIT,
                    start_seconds=START_PATIENCE,
                    hint=str(self._folder.path / "postgres.log"),
                )
            )
        if self._nats is not None:
            children.append(
                Child(
                    "nats",
                    self._nats.spawn,
                    self._nats.healthy,
                    waits=False,
                    hint=str(self._folder.path / "nats.log"),
                )
            )
        children += [self._projections(group) for group in GROUPS]
        children.append(
            self._service("relay", ["relay", "run"], lambda: self._holds(RELAY), waits=False)
        )
        # It waits for the relay's stream by itself: well as long as it runs.
        children.append(
            self._service("compaction", ["compaction", "run"], lambda: True, waits=False)
        )
        children.append(self._service("command", ["serve"], self._answers, waits=False))
        return children

    def _projections(self, group: Group) -> Child:
        name = "projections" if group is GROUPS[0] else f"projections-{group.name}"
        arguments = ["projections", "run", group.name]
        return self._service(
            name, arguments, lambda: self._holds(group.lock), waits=group is GROUPS[0]
        )

    def _service(
        self, name: str, arguments: list[str], healthy: Callable[[], bool], *, waits: bool = True
    ) -> Child:
        log = self._folder.path / f"{name}.log"

        def start() -> subprocess.Popen[bytes]:
            program = [sys.executable, "-m", "services.cli", *arguments]
            environ = os.environ | {
                f"{PREFIX}DATABASE_URL": self.database_url,
                f"{PREFIX}NATS_URL": self.nats_url,
                f"{PREFIX}PORT": str(self._port),
            }
            return spawn(
                program,
                death_signal=signal.SIGTERM,
                output=log,
                environ=environ,
                folder=Path.cwd(),
            )

        return Child(name, start, healthy, waits=waits, hint=str(log))

    def _prepare_database(self) -> None:
        if self._postgres is not None:
            self._postgres.prepare()
            owner = self._postgres.migrate_database_url
        else:
            owner = self._settings.migrate_database_url or self._settings.database_url
        migrate(owner)
        check_server(self.database_url)
        self._api_key = self._working_key()

    def _working_key(self) -> str:
        """The key of the last start while it works, else a new one, with the old one's place."""
        path = self._folder.path / KEY_FILE
        with connect(self.database_url, name="dev") as connection:
            try:
                key = path.read_text("utf-8")
                if keys.opens_all(connection, key, OWN):
                    return key
            except (OSError, UnicodeDecodeError):
                pass
            key, _ = keys.create(
                connection,
                workspace=OWN,
                name="verbatim dev",
                scopes=list(keys.SCOPES),
                unlimited=True,
            )
        write_private(path, key.encode())
        return key

    def _holds(self, lock: int) -> bool:
        """Whether one of the children does what the lock stands for."""
        try:
            with connect(self.database_url, name="dev") as connection:
                return is_led(connection, lock)
        except psycopg.OperationalError:
            return False

    def _answers(self) -> bool:
        return serves(f"{self.address}/health/ready", 2)

    def _publish(self, pids: dict[str, int]) -> None:
        served = {room: pids["command"] for room in HTTP_ROOMS if "command" in pids}
        running = Running(
            base_url=f"{self.address}/v1",
            api_key=self._api_key,
            docs_url=f"{self.address}/docs",
            nats_url=self.nats_url,
            database_url=self.database_url,
            pids={"dev": os.getpid(), **pids, **served},
        )
        write_private(self._file, msgspec.json.format(msgspec.json.encode(running), indent=2))

    def _greet(self, seconds: float) -> None:
        key = self._api_key
        click.echo(
            f"\nVerbatim is ready ({seconds:.1f} s).\n\n"
            f"  API    {self.address}/v1\n"
            f"  docs   {self.address}/docs\n"
            f"  key    {key}\n"
            f"  data   {self._folder.path}\n\n"
            f"  curl -H 'Authorization: Bearer {key}' {self.address}/v1/conversations\n\n"
            "Ctrl-C stops it; what was answered stays."
        )


def _forget_libpq_variables() -> None:
    """PGHOSTADDR, PGSSLMODE, PGSERVICE and so on: where they are set, another server is meant."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
