"""Snapshots: kept as a conversation grows, used by a cold reader, and never able to change what it finds."""

from contextlib import asynccontextmanager

import msgspec
import pytest

from domain.snapshot import SCHEMA, frozen
from domain.state import evolve
from eventstore import reader as reader_module
from eventstore.reader import Connections, LogReader
from eventstore.snapshots import Snapshots
from eventstore.states import States
from tests.eventstore.support import looking
from tests.histories import History, make_log, store
from tests.servers import Database

EVERY = 5


@asynccontextmanager
async def reading(database: Database):
    reader = LogReader(database.service)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


def cold(reader: LogReader) -> States:
    return States(reader, cached=100, snapshot_every=EVERY)


@pytest.fixture
def history(database: Database) -> History:
    """A conversation in the log, beside others."""
    histories, rows = make_log(11, conversations=2, commands=120)
    store(database.owner, rows)
    assert len(histories[0].events) > 10 * EVERY
    return histories[0]


def positions(database: Database, stream: str) -> list[int]:
    """By version, from 1 on; the first is no version's."""
    with looking(database.superuser) as connection:
        rows = connection.execute(
            "SELECT position FROM events WHERE originator_id = %s ORDER BY originator_version",
            [stream],
        ).fetchall()
    return [0, *(position for (position,) in rows)]


def kept(database: Database) -> dict[str, tuple[int, int, int]]:
    """Version, position and schema, by stream."""
    with looking(database.superuser) as connection:
        rows = connection.execute(
            "SELECT originator_id, originator_version, position, schema FROM snapshots"
        ).fetchall()
    return {stream: tuple(rest) for stream, *rest in rows}


def put(database: Database, stream: str, **columns: object) -> None:
    with looking(database.superuser) as connection:
        connection.execute("DELETE FROM snapshots")
        connection.execute(
            "INSERT INTO snapshots VALUES (%s, %s, %s, %s, %s)",
            [stream, *(columns[name] for name in ("version", "position", "schema", "state"))],
        )


async def test_from_every_snapshot_the_state_is_that_from_zero(
    database: Database, history: History
) -> None:
    at = positions(database, history.stream)
    async with reading(database) as reader:
        state = None
        for version, moment, event in history.events:
            state = evolve(state, event, version, moment)
            put(
                database,
                history.stream,
                version=version,
                position=at[version],
                schema=SCHEMA,
                state=frozen(state),
            )
            found = await cold(reader).newest(history.stream)
            assert (found.state, found.position) == (history.state, at[-1])


async def test_a_cold_reader_goes_on_from_the_snapshot(
    database: Database, history: History
) -> None:
    """Shown by one that says something else: it is believed, where all of its marks are right."""
    at = positions(database, history.stream)
    odd = msgspec.structs.replace(history.state, title="odd")
    put(
        database,
        history.stream,
        version=odd.version,
        position=at[-1],
        schema=SCHEMA,
        state=frozen(odd),
    )
    async with reading(database) as reader:
        assert (await cold(reader).newest(history.stream)).state == odd


@pytest.mark.parametrize(
    "change",
    [
        {"schema": SCHEMA - 1},
        {"schema": SCHEMA + 1},
        {"position": 1},
        {"position": 10**9},
        {"version": 10**9},
        {"version": EVERY},
        {"state": b'{"version":1}'},
        {"state": b"\xff"},
        {"state": b""},
    ],
    ids=str,
)
async def test_one_that_does_not_fit_the_log_or_the_program_is_left_aside(
    database: Database, history: History, change: dict
) -> None:
    at = positions(database, history.stream)
    odd = msgspec.structs.replace(history.state, title="odd")
    right = {
        "version": odd.version,
        "position": at[-1],
        "schema": SCHEMA,
        "state": frozen(odd),
    }
    put(database, history.stream, **(right | change))
    async with reading(database) as reader:
        found = await cold(reader).newest(history.stream)
    assert (found.state, found.position) == (history.state, at[-1])


async def test_a_cold_read_leaves_one_for_the_next(database: Database, history: History) -> None:
    at = positions(database, history.stream)
    async with reading(database) as reader:
        states = cold(reader)
        await states.newest(history.stream)
        await states.stop()
        version = len(history.events)
        assert kept(database) == {history.stream: (version, at[version], SCHEMA)}
        found = await Snapshots(reader.connections).find(history.stream, 0)
        assert found is not None
        assert (found.state, found.position) == (history.state, at[version])
        assert await Snapshots(reader.connections).find(history.stream, version) is None


async def test_the_later_one_and_the_newer_rules_stay(database: Database, history: History) -> None:
    at = positions(database, history.stream)
    folded, state = {}, None
    for version, moment, event in history.events:
        state = folded[version] = evolve(state, event, version, moment)
    async with reading(database) as reader:

        async def keep(version: int, schema: int) -> tuple[int, int]:
            snapshots = Snapshots(reader.connections, schema=schema)
            snapshots.keep(history.stream, folded[version], at[version])
            await snapshots.stop()
            found, _, of = kept(database)[history.stream]
            return found, of

        assert await keep(10, SCHEMA) == (10, SCHEMA)
        assert await keep(5, SCHEMA) == (10, SCHEMA)
        assert await keep(20, SCHEMA) == (20, SCHEMA)
        assert await keep(15, SCHEMA + 1) == (15, SCHEMA + 1)
        assert await keep(30, SCHEMA) == (15, SCHEMA + 1)


async def test_what_cannot_be_kept_harms_nothing(
    database: Database, history: History, caplog: pytest.LogCaptureFixture
) -> None:
    with looking(database.superuser) as connection:
        connection.execute("REVOKE INSERT ON snapshots FROM verbatim_service")
    async with reading(database) as reader:
        states = cold(reader)
        assert (await states.newest(history.stream)).state == history.state
        await states.stop()
    assert "no snapshot" in caplog.text
    assert kept(database) == {}


async def test_an_overload_meanwhile_harms_nothing(
    history: History, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reader_module, "MOST_WAITING", -1)
    snapshots = Snapshots(Connections("", name="full", size=1))
    assert history.state is not None
    snapshots.keep(history.stream, history.state, 1)
    await snapshots.stop()
    assert "no snapshot" in caplog.text
