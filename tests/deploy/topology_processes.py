"""The processes of `deploy/compose.yaml` on this machine: its commands, settings, roles and proxy."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from deploy.embedded.binaries import postgres_binaries
from deploy.embedded.folder import free_port
from services.cli.health import serves
from tests.running import wait_until
from tests.servers import running_nats, running_postgres

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


class Topology:
    """The running whole."""

    def __init__(self, folder: Path, superuser_url: str, nats_url: str, upstream: str) -> None:
        text = (DEPLOY / "compose.yaml").read_text("utf-8")
        self.services: dict[str, Any] = yaml.safe_load(text)["services"]
        self.names = [
            name
            for name, service in self.services.items()
            if service["image"] == "verbatim" and name not in {"migrate", "operator"}
        ]
        """Of our processes that go on."""
        self.folder = folder
        self.ports = {name: free_port() for name in self.names}
        self.entry = free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        made = subprocess.run([DEPLOY / "secrets.sh"], capture_output=True, text=True, check=True)
        self._variables = dict(line.split("=", 1) for line in made.stdout.splitlines())
        self._variables["VERBATIM_UPSTREAM_BASE_URL"] = upstream
        self._server = urlsplit(superuser_url)
        self._nats_url = nats_url

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.entry}/v1"

    def environ(self, name: str) -> dict[str, str]:
        """As the compose file has it, with this machine's addresses."""
        given = {key: self._filled(v) for key, v in self.services[name]["environment"].items()}
        for key in ("VERBATIM_PORT", "VERBATIM_METRICS_PORT"):
            if key in given and name in self.ports:
                given[key] = str(self.ports[name])
        server = f"@{self._server.hostname}:{self._server.port}/"
        url = given["VERBATIM_DATABASE_URL"].replace("@postgres:5432/", server)
        here = {
            "VERBATIM_HOST": "127.0.0.1",
            "VERBATIM_ALLOW_PRIVATE_MODELS": "true",
            "VERBATIM_DATABASE_URL": url,
            "VERBATIM_NATS_URL": self._nats_url,
        }
        return {"PATH": os.environ["PATH"], **given, **here}

    def _filled(self, value: object) -> str:
        return re.sub(
            r"\$\{(\w+)(:[-?][^}]*)?\}", lambda m: self._variables.get(m[1], ""), str(value)
        )

    def administer(self, name: str) -> None:
        """One of the steps that the administrator takes: roles, logins, rights."""
        given = {key: self._filled(v) for key, v in self.services["roles"]["environment"].items()}
        server = self._server
        here = {
            "PATH": f"{postgres_binaries()}:{os.environ['PATH']}",
            "PGHOST": str(server.hostname),
            "PGPORT": str(server.port),
            "PGUSER": str(server.username),
            "PGPASSWORD": str(server.password),
        }
        (script,) = self.services[name]["command"]
        script = script.replace("/etc/verbatim/", f"{DEPLOY}/postgres/")
        _ended(["sh", "-euc", script], given | here)

    def run(self, name: str, *arguments: str) -> str:
        """A command of the image, by a service that ends."""
        command = arguments or self.services[name]["command"]
        return _ended([sys.executable, "-m", "services.cli", *command], self.environ(name))

    def start(self, name: str) -> None:
        program = [sys.executable, "-m", "services.cli", *self.services[name]["command"]]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                program, env=self.environ(name), stdout=log, stderr=log
            )

    def wait(self, name: str) -> None:
        url = f"http://127.0.0.1:{self.ports[name]}/health/ready"

        def ready() -> bool:
            assert self.processes[name].poll() is None, self.log(name)
            return serves(url, 2)

        wait_until(ready, 60, lambda: f"{name} is not ready:\n{self.log(name)}")

    def restart(self, name: str) -> float:
        """SIGTERM, wait, start again; how many seconds its end took."""
        began = time.monotonic()
        process = self.processes[name]
        process.send_signal(signal.SIGTERM)
        process.wait(15)
        took = time.monotonic() - began
        self.start(name)
        self.wait(name)
        return took

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text("utf-8", errors="replace")[-2_000:]

    def errors(self, name: str) -> list[str]:
        """What it told of faults."""
        text = (self.folder / f"{name}.log").read_text("utf-8", errors="replace")
        return [line for line in text.splitlines() if '"level":"error"' in line.lower()]

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            process.wait(15)

    def nginx(self) -> None:
        """Debian's nginx with the project's server block around this machine's ports."""
        block = (DEPLOY / "nginx/verbatim.conf").read_text("utf-8")
        for name, port in self.ports.items():
            block = block.replace(f"server {name}:8080", f"server 127.0.0.1:{port}")
        block = block.replace("listen 8000;", f"listen 127.0.0.1:{self.entry};")
        assert ":8080" not in block
        paths = "".join(
            f"{kind}_temp_path {self.folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        configuration = self.folder / "nginx.conf"
        configuration.write_text(
            f"daemon off; pid {self.folder}/nginx.pid; error_log {self.folder}/proxy.log;\n"
            f"user root; worker_processes 1; events {{ worker_connections 1024; }}\n"
            f"http {{ access_log off;\n{paths}{block}\n}}\n"
        )
        with (self.folder / "proxy.log").open("ab") as log:
            self.processes["proxy"] = subprocess.Popen(
                ["nginx", "-c", configuration], stdout=log, stderr=log
            )
        url = f"http://127.0.0.1:{self.entry}/health/live"

        def ready() -> bool:
            assert self.processes["proxy"].poll() is None, self.log("proxy")
            return serves(url, 5)

        wait_until(ready, 20)


@contextmanager
def topology(folder: Path, upstream: str) -> Iterator[Topology]:
    """All of it, ready."""
    with (
        running_postgres(folder / "data") as postgres,
        running_nats(folder / "nats") as nats,
        ExitStack() as stack,
    ):
        postgres.prepare()
        made = Topology(folder, postgres.superuser_url, nats.nats_url, upstream)
        stack.callback(made.stop)
        made.administer("roles")
        made.run("migrate")
        made.administer("rights")
        for name in made.names:
            made.start(name)
        for name in made.names:
            made.wait(name)
        made.nginx()
        yield made


def _ended(command: list[str], environ: dict[str, str]) -> str:
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
