"""What an export holds in memory does not grow with what it exports."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import get_args

import msgspec

from domain.commands import AppendMessages, NewMessage, StartConversation
from domain.envelope import Meta
from domain.policy import CompactionPolicy
from eventstore.reader import LogReader
from eventstore.states import States
from eventstore.writer import GroupCommitWriter
from services.command.handle import Handler, Order
from services.query.export.body import export_body
from services.query.export.formats import writer
from services.query.export.standing import PastLog
from services.query.export.writing import FORMAT, Counts, Format, Head
from tests.servers import Database

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CONTENT = msgspec.Raw(msgspec.json.encode("lorem ipsum dolor sit amet " * 15))


async def fill(dsn: str, stream: str, count: int) -> None:
    log, reader = GroupCommitWriter(dsn), LogReader(dsn)
    await log.start()
    await reader.start()
    handler = Handler(log, States(reader, cached=10))
    start = StartConversation(source="api", compaction=CompactionPolicy(), created_at=NOW)
    await handler.handle(Order(stream, start, Meta("", NOW, f"{stream}-s", "test")))
    for first in range(0, count, 100):
        messages = tuple(
            NewMessage(f"m{n}", "user", CONTENT, 90, 0, 90, "o200k_base", NOW)
            for n in range(first, min(count, first + 100))
        )
        meta = Meta("", NOW, f"{stream}-{first}", "test")
        await handler.handle(Order(stream, AppendMessages(messages), meta))
    await log.stop()
    await reader.stop()


async def peak(dsn: str, streams: list[str], form: Format) -> tuple[int, int]:
    """Bytes that were held at most beyond those before, and the messages exported."""
    reader = LogReader(dsn)
    await reader.start()
    counts = Counts()
    head = Head(FORMAT, "w", NOW, 2**40, conversation_id="c", user_id=None)

    async def each() -> AsyncIterator[str]:
        for stream in streams:
            yield stream

    # As a process that serves does: garbage is looked for the later, the more an earlier test has left behind.
    gc.collect()
    gc.freeze()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    log = PastLog(reader, 2**40)
    made = writer(form, "conversation" if len(streams) == 1 else "user")
    async for _ in export_body(log, each(), head, made, counts, include_events=True):
        pass
    held = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    gc.unfreeze()
    await reader.stop()
    return held, counts.messages


def test_of_a_long_conversation(database: Database) -> None:
    asyncio.run(fill(database.service, "w:short", 1_000))
    asyncio.run(fill(database.service, "w:long", 5_000))
    for form in get_args(Format):
        asyncio.run(peak(database.service, ["w:short"], form))  # what is made once
        short, few = asyncio.run(peak(database.service, ["w:short"], form))
        long, many = asyncio.run(peak(database.service, ["w:long"], form))
        assert (few, many) == (1_000, 5_000)
        assert long < short + (1 << 20)  # five times the messages are 4 MB more


def test_of_many_conversations(database: Database) -> None:
    for number in range(60):
        asyncio.run(fill(database.service, f"w:c{number}", 20))
    asyncio.run(peak(database.service, ["w:c0", "w:c1"], "json"))
    few, _ = asyncio.run(peak(database.service, ["w:c0", "w:c1"], "json"))
    all_of_them = [f"w:c{number}" for number in range(60)]
    # The least of three: what other threads of the process take meanwhile is counted, too.
    found = [asyncio.run(peak(database.service, all_of_them, "json")) for _ in range(3)]
    assert {messages for _, messages in found} == {1_200}
    assert min(held for held, _ in found) < few + (200 << 10)  # all texts together are 500 kB
