"""Service processes under load: started, keyed, filled, measured, stopped."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import httpx
import msgspec

from bench.load import Make, Target
from deploy.embedded.postgres import EmbeddedPostgres
from eventstore.connect import connect
from services.http import keys

WORKSPACE = "bench"
TEXT = ("lorem ipsum dolor sit amet " * 15)[:400]
BODY = b'{"role":"user","content":"%s"}' % TEXT.encode()

_run = os.urandom(4).hex()
_numbers = count()


class Process(msgspec.Struct, frozen=True):
    port: int
    pid: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def cpu_seconds(self) -> float:
        """Of user and system, so far."""
        return _cpu_seconds(self.pid)

    def resident_mib(self) -> float:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def postgres_cpu_seconds(postgres: EmbeddedPostgres) -> float:
    """Of the server and all its processes that live, so far."""
    assert postgres.child is not None
    found = [postgres.child.pid]
    for pid in found:  # grows meanwhile
        with suppress(FileNotFoundError):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
            found += map(int, children)
    spent = 0.0
    for pid in found:
        with suppress(FileNotFoundError):
            spent += _cpu_seconds(pid)
    return spent


FOLLOWERS = {"projections": ["projections", "run", "core"], "relay": ["relay", "run"]}


@contextmanager
def process(name: str, postgres: EmbeddedPostgres, **settings: str) -> Generator[Process]:
    """A contestant of `bench.http_apps`, or a follower; its log goes to a file, as a service's does."""
    follows = name in FOLLOWERS
    arguments = ["services.cli", *FOLLOWERS[name]] if follows else ["bench.http_apps", name]
    environ = (
        os.environ
        | {
            "VERBATIM_DATABASE_URL": postgres.database_url,
            "VERBATIM_MIGRATE_DATABASE_URL": postgres.migrate_database_url,
            "VERBATIM_OVERLOAD_WAIT_SECONDS": "10",  # clients that never pause are overload: here they are to be answered
            **settings,
        }
    )
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert child.stdout is not None
        try:
            port = 0 if follows else int(child.stdout.readline() or 0)
            if not follows and not port:
                log.seek(0)
                raise RuntimeError(log.read().decode(errors="replace"))
            yield Process(port, child.pid)
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(20)


def make_key(postgres: EmbeddedPostgres) -> str:
    """Of all scopes, without a rate limit."""
    with connect(postgres.database_url, name="bench") as connection:
        made = keys.create(
            connection, workspace=WORKSPACE, name="bench", scopes=list(keys.SCOPES), unlimited=True
        )
    return made[0]


def start_conversations(at: Process, key: str, names: list[str], messages: int = 0) -> None:
    """By the API, each with so many messages."""
    headers = {"Authorization": f"Bearer {key}"}
    message = msgspec.json.decode(BODY)
    with httpx.Client(base_url=at.address, headers=headers, timeout=60) as client:
        for name in names:
            client.post("/conversations", json={"id": name}).raise_for_status()
            for start in range(0, messages, 100):
                batch = {"messages": [message] * min(100, messages - start)}
                path = f"/conversations/{name}/messages/batch"
                client.post(path, json=batch).raise_for_status()


def appends(at: Process, key: str, names: list[str]) -> Target:
    """Keyed appends of a 400-byte message, each connection to a conversation of its own."""
    return Target(at.port, append_maker(key, names))


def append_maker(key: str, names: list[str]) -> Make:
    tail = (
        f"\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(BODY)}\r\n\r\n"
    ).encode() + BODY
    heads = [
        f"POST /v1/conversations/{name}/messages HTTP/1.1\r\nIdempotency-Key: {_run}-".encode()
        for name in names
    ]

    def make(connection: int) -> bytes:
        return b"%s%d%s" % (heads[connection % len(heads)], next(_numbers), tail)

    return make


def reads(at: Process, key: str, paths: list[str]) -> Target:
    """The paths in turn, on every connection."""
    requests = [
        (
            f"GET /v1{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n"
        ).encode()
        for path in paths
    ]

    def make(connection: int) -> bytes:
        del connection
        return requests[next(_numbers) % len(requests)]

    return Target(at.port, make, b"200")
