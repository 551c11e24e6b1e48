"""Real servers for the tests: one PostgreSQL and one NATS a test worker, a fresh database a test."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import nats
import psycopg
import pytest
from psycopg import sql

from deploy.embedded.folder import DataFolder
from deploy.embedded.nats import EmbeddedNats
from deploy.embedded.postgres import OWNER, EmbeddedPostgres
from eventstore.connect import check_durability
from eventstore.migrate import migrate
from tests.variables import taken

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """A database of one test: `service` may append and read, `owner` migrates, `superuser` may all."""

    name: str
    service: str
    owner: str
    superuser: str


PROGRAMS = taken("TEST_POSTGRES")
"""Another PostgreSQL to run the tests on: the folder of its `postgres` and `initdb`."""


@contextmanager
def running_postgres(path: Path, programs: str | Path = PROGRAMS) -> Iterator[EmbeddedPostgres]:
    folder = DataFolder(path)
    folder.acquire()
    binaries = Path(programs) if programs else None
    server = EmbeddedPostgres(folder, binaries=binaries, settings={"shared_buffers": "128MB"})
    try:
        server.start()
        yield server
    finally:
        server.stop()
        folder.release()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with running_postgres(tmp_path_factory.mktemp("servers")) as server:
        with psycopg.connect(server.superuser_url, autocommit=True) as connection:
            check_durability(connection)
        migrate(server.migrate_database_url)
        yield server


@pytest.fixture(scope="session")
def shared_nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedNats]:
    with running_nats(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
def nats_server(shared_nats: EmbeddedNats) -> EmbeddedNats:
    """Without streams: what another test's log filled is foreign to this one's."""
    asyncio.run(_forget_streams(shared_nats))
    return shared_nats


async def _forget_streams(server: EmbeddedNats) -> None:
    client = await nats.connect(server.nats_url, allow_reconnect=False)
    js = client.jetstream()
    for stream in await js.streams_info():
        await js.delete_stream(str(stream.config.name))
    await client.close()


NatsT = TypeVar("NatsT", bound=EmbeddedNats)


@contextmanager
def running(kind: type[NatsT], path: Path) -> Iterator[NatsT]:
    """A NATS server of this kind, with all its data in `path`."""
    folder = DataFolder(path)
    folder.acquire()
    server = kind(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        folder.release()


def running_nats(path: Path) -> AbstractContextManager[EmbeddedNats]:
    return running(EmbeddedNats, path)


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[Database]:
    """Migrated, empty."""
    with fresh_database(postgres, template="verbatim") as made:
        yield made


@pytest.fixture
def empty_database(postgres: EmbeddedPostgres) -> Iterator[Database]:
    """Without any table."""
    with fresh_database(postgres, template="template1") as made:
        yield made


@contextmanager
def fresh_database(server: EmbeddedPostgres, template: str) -> Iterator[Database]:
    """Its files are copied: to log each block of them, as PostgreSQL else does, takes three times as long."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY file_copy").format(
                *map(sql.Identifier, (name, template, OWNER))
            )
        )
    yield Database(
        name,
        _renamed(server.database_url, name),
        _renamed(server.migrate_database_url, name),
        _renamed(server.superuser_url, name),
    )
    # Another connection: a test may have ended the server meanwhile, and started it again.
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _renamed(url: str, name: str) -> str:
    return f"{url.rpartition('/')[0]}/{name}"
