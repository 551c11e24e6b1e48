"""What the tests of the relay share: a log, a relay beside the test, and a look at the whole stream."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import nats
import psycopg
from nats.js.api import AckPolicy, ConsumerConfig

from deploy.embedded.nats import EmbeddedNats
from domain import published
from eventstore.appends import StoredRow
from eventstore.mapper import EventMapper
from projections.relay.jetstream import connected
from projections.relay.relay import Relay, Wiring
from projections.relay.stream import STREAM, Bounds, state_of
from tests.histories import make_log
from tests.servers import Database

ROOMY = Bounds(seconds=10**9, bytes=256 << 20)
"""Decades, as the histories happened long ago."""


def wired(database: Database, server: EmbeddedNats, **more: Any) -> Wiring:
    given = {"bounds": ROOMY} | more
    return Wiring(database_url=database.service, nats_url=server.nats_url, **given)


class GrowingLog:
    """Rows of random histories, put into the database a piece at a time."""

    def __init__(self, database: Database, seed: int, commands: int) -> None:
        self._dsn = database.owner
        self._rows = make_log(seed, conversations=7, commands=commands)[1]
        self.head = 0

    @property
    def left(self) -> int:
        return len(self._rows) - self.head

    def grow(self, count: int | None = None) -> None:
        """As a commit of the writer is seen: the events and the head at once, and a hint."""
        part = self._rows[self.head :][:count]
        assert part, "the histories gave fewer events than the test wants"
        with psycopg.connect(self._dsn) as connection:
            with connection.cursor().copy("COPY events FROM STDIN") as copy:
                for row in part:
                    copy.write_row(row)
            self.head += len(part)
            connection.execute("UPDATE head SET position = %s", [self.head])
            connection.execute("NOTIFY verbatim_log")


@asynccontextmanager
async def relaying(wiring: Wiring, *, leading: bool = True) -> AsyncIterator[Relay]:
    relay, stop = Relay(wiring, leading=leading), asyncio.Event()
    task = asyncio.create_task(relay.run(stop))
    try:
        yield relay
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Poll what tells nobody when it changes, up to a deadline."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a read of another process's state
            await asyncio.sleep(0.005)


async def filled(server: EmbeddedNats, head: int, seconds: float = 60.0) -> None:
    """Until the stream itself has reached the head."""
    async with asyncio.timeout(seconds), connected(server.nats_url, "test") as nats:
        while (state := await state_of(nats.js)) is None or state.last < head:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.005)


async def messages(server: EmbeddedNats) -> list[tuple[int, str, str, bytes]]:
    """All that the stream holds: sequence, subject, message id, payload."""
    client = await nats.connect(server.nats_url, allow_reconnect=False)
    try:
        js = client.jetstream()
        state = (await js.stream_info(STREAM)).state
        config = ConsumerConfig(ack_policy=AckPolicy.NONE)
        subscription = await js.pull_subscribe("", stream=STREAM, config=config)
        found: list[tuple[int, str, str, bytes]] = []
        while len(found) < state.messages:
            for each in await subscription.fetch(500, timeout=10):
                assert each.headers
                name = each.headers[published.MESSAGE_ID_HEADER]
                found.append((each.metadata.sequence.stream, each.subject, name, each.data))
        return found
    finally:
        await client.close()


def noted(database: Database) -> int:
    """How far the stream is by the checkpoint that health and metrics read."""
    with psycopg.connect(database.service) as connection:
        row = connection.execute(
            "SELECT position FROM readmodels.tracking WHERE name = 'relay:VERBATIM_EVENTS'"
        ).fetchone()
    return row[0] if row else 0


def log_rows(database: Database) -> list[StoredRow]:
    with psycopg.connect(database.service) as connection:
        rows = connection.execute(
            "SELECT position, originator_id, originator_version, topic, state FROM events"
            " ORDER BY position"
        ).fetchall()
    return [StoredRow(*row) for row in rows]


async def check_whole(
    database: Database, server: EmbeddedNats, *, first: int = 1, content: bool = False
) -> None:
    """From `first` to the log's head every position once, in order, under its own sequence, as it should look."""
    mapper = EventMapper()
    expected = [
        (
            row.position,
            published.nats_subject(row.stream, row.topic),
            mapper.cloud_event(row, content=content).id,
            published.encode(mapper.cloud_event(row, content=content)),
        )
        for row in log_rows(database)[first - 1 :]
    ]
    found = await messages(server)
    assert [each[0] for each in found] == [each[0] for each in expected]
    assert found == expected
    assert [int(json.loads(each[3])["position"]) for each in found] == [e[0] for e in found]
