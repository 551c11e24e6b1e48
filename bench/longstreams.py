"""An append to a conversation of 10, 1,000, 100,000 messages: its state in the cache, from a snapshot, from the first event."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from uuid import uuid4

import msgspec
import uvloop

from bench.support import median, table, tell
from deploy.embedded.postgres import EmbeddedPostgres
from domain.commands import AppendMessages, NewMessage, StartConversation
from domain.envelope import Meta
from domain.policy import CompactionPolicy
from eventstore.reader import LogReader
from eventstore.states import States
from eventstore.writer import GroupCommitWriter
from services.command.handle import Handler, Order

WARM_APPENDS = 300
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def long_streams(postgres: EmbeddedPostgres, lengths: tuple[int, ...], count: int) -> None:
    tell(f"conversations of {lengths} messages")
    warm, cold, bare = uvloop.run(_measure(postgres.database_url, lengths, count))
    shortest = lengths[0]
    print(f"One append at a time by the handler, ms, medians; the cold ones {count} times.\n")
    table(
        ["messages before", "warm", "warm / shortest", "cold", "cold, without a snapshot"],
        [
            [
                f"{length:,}",
                f"{median(warm[length]) * 1000:.3f}",
                f"{median(warm[length]) / median(warm[shortest]):.2f} ×",
                f"{median(cold[length]) * 1000:.1f}",
                f"{median(bare[length]) * 1000:.1f}",
            ]
            for length in lengths
        ],
    )


Times = dict[int, list[float]]
"""Seconds, by length."""


async def _measure(dsn: str, lengths: tuple[int, ...], count: int) -> tuple[Times, Times, Times]:
    async with AsyncExitStack() as stack:
        writer, reader = GroupCommitWriter(dsn), LogReader(dsn)
        for part in (writer, reader):
            await part.start()
            stack.push_async_callback(part.stop)
        states = States(reader, cached=1_000)
        handler = Handler(writer, states)
        for length in lengths:
            await _fill(handler, length)
        await states.stop()
        return (
            await _in_turn(lengths, WARM_APPENDS, lambda length: _append(handler, length)),
            await _in_turn(lengths, count, lambda length: _cold(writer, reader, length)),
            await _in_turn(lengths, count, lambda length: _bare(writer, reader, length)),
        )


async def _in_turn(
    lengths: tuple[int, ...], count: int, measure: Callable[[int], Awaitable[float]]
) -> Times:
    """Drifts of the machine hit all lengths alike."""
    found: Times = {length: [] for length in lengths}
    for _ in range(count):
        for length in lengths:
            found[length].append(await measure(length))
    return found


async def _cold(writer: GroupCommitWriter, reader: LogReader, length: int) -> float:
    states = States(reader, cached=1_000)
    took = await _append(Handler(writer, states), length)
    await states.stop()
    return took


async def _bare(writer: GroupCommitWriter, reader: LogReader, length: int) -> float:
    await reader.connections.fetch(b"DELETE FROM snapshots RETURNING 1", {})
    return await _cold(writer, reader, length)


async def _fill(handler: Handler, length: int) -> None:
    command = StartConversation(source="api", compaction=CompactionPolicy(), created_at=NOW)
    await handler.handle(_order(length, command))
    for start in range(0, length, 100):
        messages = tuple(_message() for _ in range(min(100, length - start)))
        await handler.handle(_order(length, AppendMessages(messages)))
        await asyncio.sleep(0)


async def _append(handler: Handler, length: int) -> float:
    started = time.perf_counter()
    await handler.handle(_order(length, AppendMessages((_message(),))))
    return time.perf_counter() - started


def _order(length: int, command: StartConversation | AppendMessages) -> Order:
    return Order(f"w:{length}", command, Meta("", NOW, uuid4().hex, "bench"))


def _message() -> NewMessage:
    content = msgspec.Raw(msgspec.json.encode("lorem ipsum dolor sit amet " * 15))
    return NewMessage(uuid4().hex, "user", content, 90, 0, 90, "o200k_base", NOW)
