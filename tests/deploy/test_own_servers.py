"""Verbatim on the user's own servers, as the README runs it: an older PostgreSQL with an owner and a service login."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import psycopg
import pytest
from psycopg import sql

from deploy.embedded.binaries import postgres_binaries
from deploy.embedded.folder import free_port
from deploy.embedded.nats import EmbeddedNats
from deploy.embedded.postgres import EmbeddedPostgres
from eventstore.migrate import OLDEST_SERVER, migrations
from tests.deploy.support import append, texts
from tests.running import running_dev, wait_until
from tests.servers import running_postgres

VERBATIM = [sys.executable, "-m", "services.cli"]
ALL = [f"applied {migration.name}" for migration in migrations()]


def debian() -> Path | None:
    """The oldest server of Debian's packages that is new enough."""
    found = [
        path
        for path in Path("/usr/lib/postgresql").glob("*/bin")
        if int(path.parent.name) >= OLDEST_SERVER and (path / "initdb").exists()
    ]
    return min(found, key=lambda path: int(path.parent.name), default=None)


class Own(NamedTuple):
    """A database of the user's: `owner` may make what is in it, `service` may not."""

    owner: str
    service: str
    superuser: str
    service_login: str

    def __call__(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*VERBATIM, *arguments],
            env=environ(**env),
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )


def environ(**env: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "VERBATIM" not in name}
    return kept | {f"VERBATIM_{name.upper()}": value for name, value in env.items()}


@pytest.fixture(scope="module", params=["debian", "wheel"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedPostgres]:
    programs = debian()
    if request.param == "debian" and programs is None:
        pytest.skip(f"no PostgreSQL {OLDEST_SERVER} or later in /usr/lib/postgresql")
    if request.param == "wheel" and programs is not None:
        pytest.skip("Debian's server is here, and older: tried on that")
    programs = programs or postgres_binaries()
    with running_postgres(tmp_path_factory.mktemp("own") / "data", programs) as running:
        yield running


@pytest.fixture
def own(server: EmbeddedPostgres) -> Iterator[Own]:
    """Empty, and nothing of ours in the server."""
    made = Own(
        *(_url(server.superuser_url, login) for login in ("ada", "bob")),
        f"{server.superuser_url.rpartition('/')[0]}/shop",
        "bob",
    )
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        for name in ("ada", "bob"):
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), name)
            )
        connection.execute("CREATE DATABASE shop OWNER ada")
        connection.execute("DROP ROLE verbatim_service")
        yield made
        connection.execute("DROP DATABASE shop WITH (FORCE)")
        connection.execute("DROP ROLE IF EXISTS verbatim_service")
        connection.execute("DROP ROLE ada, bob")
        connection.execute("CREATE ROLE verbatim_service NOLOGIN")


def _url(superuser_url: str, login: str) -> str:
    return (
        f"postgresql://{login}:{login}@{superuser_url.rpartition('@')[2].rpartition('/')[0]}/shop"
    )


def grant(own: Own) -> None:
    """What an administrator does once."""
    with psycopg.connect(own.superuser, autocommit=True) as connection:
        connection.execute("ALTER ROLE ada CREATEROLE")
        assert own("migrate", migrate_database_url=own.owner).returncode == 0
        connection.execute(f"GRANT verbatim_service TO {own.service_login}")


def test_what_stands_in_the_way_is_told(own: Own) -> None:
    """No tables; no right to make a role; no membership in it: each with what to do, and then it goes on."""
    for command in (["command"], ["query"], ["projections", "run"], ["keys", "list"]):
        early = own(*command, database_url=own.service)
        assert early.returncode == 2
        assert "run `verbatim migrate`" in early.stderr
        assert early.stderr.count("\n") == 1
    refused = own("migrate", migrate_database_url=own.owner)
    assert refused.returncode == 2
    assert "as an administrator run CREATE ROLE verbatim_service NOLOGIN" in refused.stderr
    with psycopg.connect(own.superuser, autocommit=True) as connection:
        connection.execute("CREATE ROLE verbatim_service NOLOGIN")
    done = own("migrate", migrate_database_url=own.owner)
    assert done.stdout.splitlines() == [*ALL, "the database is up to date"]
    stranger = own("command", database_url=own.service)
    assert stranger.returncode == 2
    assert "GRANT verbatim_service TO" in stranger.stderr


def test_migrate_twice_and_from_two_processes(own: Own) -> None:
    with psycopg.connect(own.superuser, autocommit=True) as connection:
        connection.execute("ALTER ROLE ada CREATEROLE")
    both = [
        subprocess.Popen(
            [*VERBATIM, "migrate"],
            env=environ(migrate_database_url=own.owner),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=60)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(told, key=len) == [
        ["the database is up to date"],
        [*ALL, "the database is up to date"],
    ]
    again = own("migrate", database_url=own.owner)
    assert again.stdout == "the database is up to date\n"


@contextmanager
def service(own: Own, *command: str, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [*VERBATIM, *command],
        env=environ(database_url=own.service, **env),
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_the_processes_of_production(own: Own) -> None:
    grant(own)
    made = own("keys", "create", "--workspace=acme", "--name=gateway", database_url=own.service)
    key = made.stdout.strip()
    ports = {room: free_port() for room in ("command", "query")}
    with ExitStack() as stack:
        for room, port in ports.items():
            stack.enter_context(service(own, room, port=str(port)))
        stack.enter_context(service(own, "projections", "run"))
        write, read = (
            stack.enter_context(
                httpx.Client(
                    base_url=f"http://127.0.0.1:{ports[room]}",
                    headers={"Authorization": f"Bearer {key}"},
                    trust_env=False,
                )
            )
            for room in ("command", "query")
        )
        for client in (write, read):
            wait_until(lambda client=client: _ready(client), 60)
        body = {"id": "c", "messages": [{"role": "user", "content": "\0 exact"}]}
        assert write.post("/v1/conversations", json=body).status_code == 201
        wait_until(lambda: read.get("/v1/conversations/c").status_code == 200)
        (message,) = read.get("/v1/conversations/c/messages").json()["data"]
        assert message["content"] == "\0 exact"
    with psycopg.connect(own.service, autocommit=True) as connection:
        for change in ("UPDATE events SET topic = ''", "DELETE FROM events", "TRUNCATE events"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(change)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def test_dev_on_own_servers_starts_none(
    own: Own, nats_server: EmbeddedNats, tmp_path: Path
) -> None:
    grant(own)
    with running_dev(
        tmp_path / "data",
        VERBATIM_DATABASE_URL=own.service,
        VERBATIM_MIGRATE_DATABASE_URL=own.owner,
        VERBATIM_NATS_URL=nats_server.nats_url,
    ) as dev:
        assert not {"postgres", "nats"} & dev.pids.keys()
        assert (dev.database_url, dev.nats_url) == (own.service, nats_server.nats_url)
        append(dev, "mine", "one")
        assert texts(dev, "mine") == ["one"]
    assert not (dev.path / "postgres").exists()
