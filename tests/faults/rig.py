"""All processes of a deployment, each reachable by a fault: through a proxy, or by a signal."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from deploy.embedded.folder import free_port
from deploy.embedded.nats import EmbeddedNats
from deploy.embedded.postgres import EmbeddedPostgres
from eventstore.migrate import migrate
from services.cli.health import serves
from tests.deploy.support import descendants
from tests.faults.proxy import FaultProxy
from tests.running import wait_until
from tests.servers import Database, fresh_database, running_nats, running_postgres
from tests.services.support import new_key

COMMANDS = ("command-1", "command-2")
QUERIES = ("query-1", "query-2")
FOLLOWERS: Mapping[str, tuple[str, ...]] = {
    "projections": ("projections", "run"),
    "relay": ("relay", "run"),
    "compaction": ("compaction", "run"),
}
READY = 120.0
BUSY = {"VERBATIM_COMPACTION_TRIGGER_TOKENS": "600"}
"""So that the worker is at work all the time."""


class Rig:
    """One deployment on one database. Processes reach PostgreSQL and NATS through a proxy of their own each, if any."""

    def __init__(
        self,
        folder: Path,
        postgres: EmbeddedPostgres,
        nats: EmbeddedNats,
        database: Database,
        names: Sequence[str],
        settings: Mapping[str, str],
    ) -> None:
        self.folder = folder
        self.postgres = postgres
        self.nats = nats
        self.database = database
        self.ports = {name: free_port() for name in names}
        self._settings = settings
        self.disk: Path | None = None
        """A small one, that PostgreSQL's data lie on alone."""
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.proxies: dict[str, FaultProxy] = {}
        self.nats_proxies: dict[str, FaultProxy] = {}
        self.key = new_key(database.service, "acme", unlimited=True)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def environ(self, name: str) -> dict[str, str]:
        port = "VERBATIM_METRICS_PORT" if name in FOLLOWERS else "VERBATIM_PORT"
        return {
            "PATH": os.environ["PATH"],
            "VERBATIM_DATABASE_URL": through(self.database.service, self.proxies.get(name)),
            "VERBATIM_NATS_URL": through(self.nats.nats_url, self.nats_proxies.get(name)),
            "VERBATIM_LOG_FORMAT": "json",
            port: str(self.ports[name]),
            **self._settings,
        }

    def start(self, name: str, **env: str) -> None:
        command = FOLLOWERS.get(name) or (name.partition("-")[0],)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "services.cli", *command],
                env=self.environ(name) | env,
                stdout=log,
                stderr=log,
            )

    def wait(self, name: str) -> None:
        """Until it serves; started again where it ended by itself, as a supervisor would."""

        def ready() -> bool:
            if self.processes[name].poll() is not None:
                self.start(name)
            return serves(f"{self.url(name)}/health/ready", 2)

        wait_until(ready, READY, lambda: f"{name} is not ready:\n{self.log(name)}")

    def wait_all(self) -> None:
        for name in self.processes:
            self.wait(name)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text("utf-8", errors="replace")[-3_000:]

    def told(self, text: str) -> str:
        """The lines of all logs in which that stands."""
        logs = (path.read_text("utf-8", errors="replace") for path in self.folder.glob("*.log"))
        return "".join(
            f"\n{line[:6_000]}" for log in logs for line in log.splitlines() if text in line
        )

    def signal(self, name: str, number: signal.Signals) -> None:
        self.processes[name].send_signal(number)

    def kill(self, name: str) -> None:
        self.signal(name, signal.SIGKILL)
        self.processes[name].wait()

    def kill_postgres(self) -> None:
        """All of it at once, as when the machine loses its power (but for the page cache)."""
        child = self.postgres.child
        assert child is not None
        signal_all((child.pid, *descendants(child.pid)), signal.SIGKILL)
        child.wait()

    def restart_postgres(self) -> None:
        self.postgres.start()

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def rig(
    folder: Path,
    disk: Path | None = None,
    *,
    names: Sequence[str] = (*COMMANDS, *QUERIES, *FOLLOWERS),
    proxies: bool = True,
    **settings: str,
) -> Iterator[Rig]:
    """A rig, all of it ready; PostgreSQL's data are on `disk`, if one is given; `settings` is what all processes are given."""
    with (
        running_postgres((disk or folder) / "data") as postgres,
        running_nats(folder / "nats") as nats,
        ExitStack() as stack,
    ):
        database = stack.enter_context(fresh_database(postgres, template="template1"))
        migrate(database.owner)
        made = Rig(folder, postgres, nats, database, names, BUSY | settings)
        made.disk = disk
        for name in made.ports if proxies else ():
            made.proxies[name] = stack.enter_context(FaultProxy(address(database.service)))
            made.nats_proxies[name] = stack.enter_context(FaultProxy(address(nats.nats_url)))
        stack.callback(made.stop)
        for name in made.ports:
            made.start(name)
        made.wait_all()
        yield made


def memory_of(made: Rig) -> dict[str, float]:
    """MiB that each process holds."""
    sizes: dict[str, float] = {}
    for name, process in made.processes.items():
        status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        sizes[name] = int(line.split()[1]) / 1024
    return sizes


def address(url: str) -> tuple[str, int]:
    """Where a server listens."""
    parts = urlsplit(url)
    assert parts.port is not None
    return "127.0.0.1", parts.port


def through(url: str, proxy: FaultProxy | None) -> str:
    """The same URL, by way of a proxy, if any."""
    if proxy is None:
        return url
    return url.replace(f":{urlsplit(url).port}", f":{proxy.port}", 1)


def signal_all(pids: Iterable[int], number: signal.Signals) -> None:
    """A backend among them may have ended by itself meanwhile."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
