"""Three NATS servers on loopback that hold every message three times."""

import asyncio
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import nats
import nats.errors
from nats.js.errors import Error as JetStreamError

from deploy.embedded.binaries import nats_server
from deploy.embedded.child import spawn, stop
from deploy.embedded.folder import free_port, write_private
from projections.relay.stream import STREAM
from tests.running import wait_until

NODES = ("n1", "n2", "n3")
MAX_PAYLOAD = 8 << 20
READY = 40.0


class NatsCluster:
    """While it is entered, it runs; `nats_url` names all nodes, separated by commas."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._clients = {name: free_port() for name in NODES}
        self._routes = {name: free_port() for name in NODES}
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def nats_url(self) -> str:
        return ",".join(f"nats://127.0.0.1:{port}" for port in self._clients.values())

    def __enter__(self) -> Self:
        for name in NODES:
            self.start(name)
        wait_until(lambda: self._ask("account_info") is not None, READY, lambda: "no meta leader")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for child in self.children.values():
            child.send_signal(signal.SIGCONT)
            stop(child, signal.SIGTERM, patience=3, last=signal.SIGKILL)

    def start(self, name: str) -> None:
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        write_private(folder / "nats.conf", self._configuration(name, folder).encode())
        self.children[name] = spawn(
            [str(nats_server()), "-c", str(folder / "nats.conf")],
            death_signal=signal.SIGTERM,
            output=folder / "nats.log",
        )

    def _configuration(self, name: str, folder: Path) -> str:
        routes = ", ".join(f"nats-route://127.0.0.1:{port}" for port in self._routes.values())
        return (
            f'server_name: {name}\nlisten: "127.0.0.1:{self._clients[name]}"\n'
            f"max_payload: {MAX_PAYLOAD}\n"
            f'jetstream {{ store_dir: "{folder / "jetstream"}" }}\n'
            f'cluster {{ name: verbatim, listen: "127.0.0.1:{self._routes[name]}", routes: [{routes}] }}\n'
        )

    def kill(self, name: str) -> None:
        self.children[name].kill()
        self.children[name].wait()

    def leader(self) -> str:
        """The node that leads the events' stream, once there is one."""
        found: list[str] = []

        def known() -> bool:
            info = self._ask("stream_info", STREAM)
            if info is not None and info.cluster is not None and info.cluster.leader in NODES:
                found.append(info.cluster.leader)
            return bool(found)

        wait_until(known, READY, lambda: "the stream has no leader")
        return found[0]

    def current(self) -> bool:
        """Whether every node has the whole stream."""
        info = self._ask("stream_info", STREAM)
        replicas = info.cluster.replicas if info is not None and info.cluster is not None else None
        return replicas is not None and [r.current for r in replicas] == [True] * (len(NODES) - 1)

    def _ask(self, what: str, *arguments: str) -> object | None:
        async def ask() -> object:
            connection = await nats.connect(
                self.nats_url.split(","),
                connect_timeout=1,
                allow_reconnect=False,
                error_cb=_silent,
            )
            try:
                return await getattr(connection.jetstream(timeout=1), what)(*arguments)
            finally:
                await connection.close()

        try:
            return asyncio.run(ask())
        except (OSError, TimeoutError, nats.errors.Error, JetStreamError):
            return None


async def _silent(_: Exception) -> None:
    """That a node is gone is nothing to tell of here."""
