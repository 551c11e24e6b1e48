"""Reading the whole log: an ordered COPY drained unparsed, the stock way, ours into typed events."""

import asyncio
import time
from datetime import datetime
from typing import Any

import psycopg
import uvloop
from eventsourcing.domain import MetaDomainEvent, datetime_now_with_tzinfo
from eventsourcing.persistence import DatetimeAsISO, JSONTranscoder, Mapper, StoredEvent, UUIDAsHex
from eventsourcing.postgres import PostgresApplicationRecorder
from eventsourcing.utils import get_topic

from bench.contestants import TEXT, command_of
from bench.support import median, ratio, rounds, table, tell
from deploy.embedded.postgres import EmbeddedPostgres
from eventstore.follower import Follower
from eventstore.mapper import EventMapper
from eventstore.recorder import datastore
from eventstore.writer import GroupCommitWriter


class MessageRecorded(metaclass=MetaDomainEvent):
    """The stock way's event, of the same fields; the library's own base class takes UUIDs only."""

    originator_id: str
    originator_version: int
    timestamp: datetime
    content: str
    message_id: str
    sequence: int
    token_count: int


def replay(postgres: EmbeddedPostgres, events: int, count: int) -> None:
    tell(f"replay of {events:,} events")
    uvloop.run(_fill(postgres.database_url, events))
    _fill_stock(postgres, events)
    figures = rounds(
        {
            "COPY": lambda: _copy(postgres.migrate_database_url, events),
            "stock": lambda: _stock(postgres, events),
            "ours": lambda: _ours(postgres.database_url, events),
        },
        count,
    )
    print(f"Replay, events a second; {events:,} events of a 400-byte message, {count} rounds.\n")
    table(
        ["COPY, unparsed", "stock, mapped", "ours, typed", "ours / COPY", "ours / stock"],
        [
            [
                *(f"{median(figures[name]):,.0f}" for name in ("COPY", "stock", "ours")),
                f"{ratio(figures['ours'], figures['COPY']):.2f} ×",
                f"{ratio(figures['ours'], figures['stock']):.1f} ×",
            ]
        ],
    )


async def _fill(dsn: str, events: int) -> None:
    writer = GroupCommitWriter(dsn)
    await writer.start()
    for start in range(0, events, 500):
        await asyncio.gather(
            *(writer.append(command_of(extras=True)) for _ in range(min(500, events - start)))
        )
    await writer.stop()


def _mapper() -> Mapper[str]:
    transcoder = JSONTranscoder()
    transcoder.register(UUIDAsHex())
    transcoder.register(DatetimeAsISO())
    return Mapper(transcoder=transcoder)


def _fill_stock(postgres: EmbeddedPostgres, events: int) -> None:
    mapper = _mapper()
    with datastore(postgres.migrate_database_url) as store:
        recorder = PostgresApplicationRecorder(store, events_table_name="stock_events")
        recorder.create_table()
        for start in range(0, events, 1_000):
            page: list[StoredEvent] = []
            for number in range(start, min(start + 1_000, events)):
                made: Any = MessageRecorded  # the library makes it a dataclass when it runs
                event = made(
                    originator_id=f"w:{number}",
                    originator_version=1,
                    timestamp=datetime_now_with_tzinfo(),
                    content=TEXT[:400].decode(),
                    message_id=str(number),
                    sequence=1,
                    token_count=90,
                )
                page.append(mapper.to_stored_event(event))
            recorder.insert_events(page)


def _copy(dsn: str, events: int) -> float:
    started = time.perf_counter()
    with psycopg.connect(dsn) as connection:
        statement = (
            "COPY (SELECT position, originator_id, originator_version, topic, state FROM events"
            " ORDER BY position) TO STDOUT (FORMAT BINARY)"
        )
        with connection.cursor().copy(statement) as copy:
            for _ in copy:
                pass
    return events / (time.perf_counter() - started)


def _stock(postgres: EmbeddedPostgres, events: int) -> float:
    mapper = _mapper()
    assert get_topic(MessageRecorded)
    with datastore(postgres.migrate_database_url) as store:
        recorder = PostgresApplicationRecorder(store, events_table_name="stock_events")
        started = time.perf_counter()
        seen, after = 0, 0
        while page := recorder.select_notifications(after + 1, 1_000):
            for notification in page:
                mapper.to_domain_event(notification)
            seen += len(page)
            after = page[-1].id
        assert seen == events
        return events / (time.perf_counter() - started)


def _ours(dsn: str, events: int) -> float:
    mapper = EventMapper()
    follower = Follower(dsn)
    started = time.perf_counter()
    seen = 0
    for page in follower.replay(0):
        for row in page:
            mapper.recorded(row)
        seen += len(page)
    elapsed = time.perf_counter() - started
    follower.close()
    assert seen == events
    return events / elapsed
