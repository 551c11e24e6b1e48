"""The steps of `deploy/Dockerfile` without a container engine: `python -m tests.deploy.image [--python PROGRAM]`.

Each COPY and RUN of its build stage in an empty folder, with what `.dockerignore` lets through; then the tree that comes
of it, in a network namespace of its own that holds nothing but the loopback: its commands, its vocabularies, and `verbatim
migrate` and `verbatim command` on a PostgreSQL beside it. What it does not prove: the base image, its user, the health check.
Needs root or user namespaces (`unshare`), and a package index for the first half.
"""

import argparse
import fcntl
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from deploy.embedded.folder import free_port
from services.cli.health import serves
from tests.running import wait_until
from tests.servers import running_postgres

ROOT = Path(__file__).resolve().parents[2]
TREE, BUILD = "/opt/verbatim", "/build"
SIOCSIFFLAGS, UP_AND_RUNNING = 0x8914, 0x1 | 0x40
COUNTS = "from services.http.tokenizers import Tokenizers as T; print([T(n).tools().count('héllo') for n in ('o200k_base', 'cl100k_base')])"


def steps() -> list[tuple[str, str]]:
    """Instruction and arguments of the build stage, in order."""
    text = (ROOT / "deploy/Dockerfile").read_text("utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    stage = re.split(r"^FROM .*\n", text, flags=re.MULTILINE)[1]
    return [
        (word, rest.strip())
        for word, _, rest in (line.partition(" ") for line in stage.splitlines() if line.strip())
    ]


def build(folder: Path, python: str) -> Path:
    """The tree that the second stage would copy. Raises subprocess.CalledProcessError."""
    tree, room = folder / "tree", folder / "build"
    room.mkdir()
    (folder / "bin").mkdir()
    (folder / "bin/python").symlink_to(shutil.which(python) or python)
    environ = {
        name: v for name, v in os.environ.items() if name == "HOME" or name.startswith("PIP_")
    }
    environ["PATH"] = f"{folder / 'bin'}:/usr/bin:/bin"

    def here(text: str) -> str:
        return text.replace(TREE, str(tree)).replace(BUILD, str(room))

    for word, rest in steps():
        print(f"  {word} {rest[:100]}", file=sys.stderr, flush=True)
        match word:
            case "ENV":
                for pair in here(rest).split():
                    name, _, value = pair.partition("=")
                    environ[name] = value.replace("$PATH", environ["PATH"])
            case "COPY":
                *sources, target = rest.split()
                for source in sources:
                    _copy(ROOT / source, room if target == "./" else room / target)
            case "RUN":
                subprocess.run(["sh", "-ec", here(rest)], cwd=room, env=environ, check=True)
            case "WORKDIR":
                assert rest == BUILD
            case _:
                raise AssertionError(f"{word} is not known here")
    shutil.rmtree(room)  # the second stage copies the tree alone
    return tree


def _copy(source: Path, target: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", ".env")
    if source.is_dir():
        shutil.copytree(source, target, ignore=ignored)
    else:
        shutil.copy(source, target)


def prove_offline(tree: Path) -> None:
    """In a namespace without a network. Raises AssertionError, subprocess.CalledProcessError."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", UP_AND_RUNNING))
        assert any_socket.connect_ex(("192.0.2.1", 80)) != 0, "there is a network"
    environ = {"PATH": f"{tree}/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}

    def ran(*command: str) -> str:
        return subprocess.run(command, cwd="/", env=environ, check=True, capture_output=True, text=True).stdout  # fmt: skip

    print("  offline:", ran("verbatim", "--version").strip(), ran("python", "-c", COUNTS).strip())
    with tempfile.TemporaryDirectory(prefix="verbatim-image-") as path:
        Path(path).chmod(0o755)
        with running_postgres(Path(path) / "data") as postgres:
            port = free_port()
            environ["VERBATIM_DATABASE_URL"] = postgres.migrate_database_url
            environ["VERBATIM_HOST"], environ["VERBATIM_PORT"] = "127.0.0.1", str(port)
            ran("verbatim", "migrate")
            environ["VERBATIM_DATABASE_URL"] = postgres.database_url
            process = subprocess.Popen(["verbatim", "command"], env=environ, cwd="/")
            try:
                _answers(process, f"http://127.0.0.1:{port}")
                print("  offline:", ran("verbatim", "health").strip() or "verbatim health: 0")
            finally:
                process.terminate()
                process.wait(15)


def _answers(process: subprocess.Popen[bytes], address: str) -> None:
    def ready() -> bool:
        assert process.poll() is None
        return serves(f"{address}/health/ready", 5)

    wait_until(ready, 60)
    for page in ("/docs", "/docs/assets/swagger-ui-bundle.js", "/schema/openapi.json"):
        assert httpx.get(f"{address}{page}", trust_env=False).status_code == 200, page
    print("  offline: ready, and the page of documents is served with its scripts")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="the image's is 3.13")
    parser.add_argument("--offline", type=Path, help="only the second half, of this tree")
    given = parser.parse_args()
    if given.offline is not None:
        prove_offline(given.offline)
        return 0
    with tempfile.TemporaryDirectory(prefix="verbatim-image-") as path:
        Path(path).chmod(0o755)
        tree = build(Path(path), given.python)
        command = [sys.executable, "-m", "tests.deploy.image", "--offline", str(tree)]
        subprocess.run(["unshare", "-n" if os.geteuid() == 0 else "-rn", *command], check=True)
    print("The build stage's steps pass; what comes of them runs without a network.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
