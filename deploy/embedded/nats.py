"""NATS with JetStream as an owned child."""

import signal
import socket
import subprocess
import time
from pathlib import Path

from deploy.embedded.binaries import nats_server
from deploy.embedded.child import spawn, stop
from deploy.embedded.errors import EmbeddedServerError
from deploy.embedded.folder import DataFolder, free_port, write_private

START_PATIENCE = 30.0
USER = "verbatim"
MAX_PAYLOAD = 8 << 20
"""Bytes: every event fits, whatever its message (a body is at most 1 MiB)."""


class EmbeddedNats:
    """One server in `<folder>/nats`, on loopback only."""

    name = "nats"

    def __init__(self, folder: DataFolder, *, binary: Path | None = None) -> None:
        self._folder = folder
        self._data = folder.path / "nats"
        self._log = folder.path / "nats.log"
        self._binary = binary or nats_server()
        self._memory = folder.remembered()
        self.child: subprocess.Popen[bytes] | None = None

    @property
    def nats_url(self) -> str:
        return f"nats://{USER}:{self._memory.nats_password}@127.0.0.1:{self._memory.nats_port}"

    def spawn(self) -> subprocess.Popen[bytes]:
        known = (
            self._folder.remembered()
        )  # another server of this folder may have chosen its port since
        if self.child is None:
            known.nats_port = free_port(known.nats_port)
        self._memory = known
        self._folder.remember(known)
        self._data.mkdir(mode=0o700, exist_ok=True)
        configuration = self._data / "nats.conf"
        write_private(configuration, self._configuration().encode())
        self.child = spawn(
            [str(self._binary), "-c", str(configuration)],
            death_signal=signal.SIGTERM,
            output=self._log,
        )
        return self.child

    def _configuration(self) -> str:
        return (
            f'listen: "127.0.0.1:{self._memory.nats_port}"\n'
            f"max_payload: {MAX_PAYLOAD}\n"
            f'authorization {{ user: "{USER}", password: "{self._memory.nats_password}" }}\n'
            f'jetstream {{ store_dir: "{self._data / "jetstream"}" }}\n'
        )

    def healthy(self) -> bool:
        """Whether the server greets us with JetStream on."""
        try:
            with socket.create_connection(("127.0.0.1", self._memory.nats_port), 2) as connection:
                greeting = connection.makefile("rb").readline()
        except OSError:
            return False
        return greeting.startswith(b"INFO ") and b'"jetstream":true' in greeting

    def prepare(self) -> None:
        """Nothing: streams are made by the relay that fills them."""

    def start(self) -> None:
        """Spawn and wait until it answers. Raises EmbeddedServerError."""
        child = self.spawn()
        deadline = time.monotonic() + START_PATIENCE
        while not self.healthy():
            if child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise EmbeddedServerError(f"NATS did not start; see {self._log}")
            time.sleep(0.01)

    def stop(self, patience: float = 6.0) -> None:
        if self.child is not None:
            stop(self.child, signal.SIGTERM, patience=patience, last=signal.SIGKILL)
            self.child = None
