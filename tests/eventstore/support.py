"""What the tests of the log share."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
import psycopg

from eventstore.appends import Append, IdempotencyEntry, NewEvent
from eventstore.writer import GroupCommitWriter


def body(command_id: str, text: str = "x") -> bytes:
    return msgspec.json.encode({"cmd": command_id, "data": text})


def append(
    stream: str,
    version: int,
    *,
    command: str = "c",
    count: int = 1,
    message_id: str | None = None,
    key: str | None = None,
    text: str = "x",
) -> Append:
    """One command: `count` events of a stream from a version on."""
    events = tuple(
        NewEvent(
            stream,
            version + index,
            "MessageAppended.1",
            body(command, text),
            message_id if index == 0 else None,
        )
        for index in range(count)
    )
    entry = IdempotencyEntry("w", key, b"hash", b"{}") if key is not None else None
    return Append(command, events, entry)


@asynccontextmanager
async def writing(dsn: str, **options: Any) -> AsyncIterator[GroupCommitWriter]:
    writer = GroupCommitWriter(dsn, **options)
    await writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


@contextmanager
def looking(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def stored(dsn: str) -> list[tuple[int, str, int]]:
    """Position, stream, version of all events, by position."""
    with looking(dsn) as connection:
        return connection.execute(
            "SELECT position, originator_id, originator_version FROM events ORDER BY position"
        ).fetchall()


def check_whole(dsn: str) -> None:
    """Positions 1..n without gaps up to the head; each stream's versions 1..m in order of position."""
    rows = stored(dsn)
    assert [position for position, _, _ in rows] == list(range(1, len(rows) + 1))
    with looking(dsn) as connection:
        assert connection.execute("SELECT position FROM head").fetchone() == (len(rows),)
    versions: dict[str, int] = {}
    for _, stream, version in rows:
        assert version == versions.get(stream, 0) + 1
        versions[stream] = version


async def outcomes(*appends: Any) -> list[Any]:
    """What became of each: an Appended or the exception."""
    return await asyncio.gather(*appends, return_exceptions=True)
