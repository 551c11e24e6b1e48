"""An append to a conversation of 10, 1,000, 100,000 messages, its state warm in the cache and cold."""

import asyncio
import time
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
from eventstore.writer import GroupCommitWriter
from services.command.handle import Handler, Order

WARM_APPENDS = 300
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def long_streams(postgres: EmbeddedPostgres, lengths: tuple[int, ...], count: int) -> None:
    tell(f"conversations of {lengths} messages")
    warm, cold = uvloop.run(_measure(postgres.database_url, lengths, count))
    shortest = lengths[0]
    print(f"One append at a time by the handler, ms, medians; cold {count} times.\n")
    table(
        ["messages before", "warm", "warm / shortest", "cold"],
        [
            [
                f"{length:,}",
                f"{median(warm[length]) * 1000:.3f}",
                f"{median(warm[length]) / median(warm[shortest]):.2f} ×",
                f"{median(cold[length]) * 1000:.1f}",
            ]
            for length in lengths
        ],
    )


async def _measure(
    dsn: str, lengths: tuple[int, ...], count: int
) -> tuple[dict[int, list[float]], dict[int, list[float]]]:
    writer, reader = GroupCommitWriter(dsn), LogReader(dsn)
    await writer.start()
    await reader.start()
    handler = Handler(writer, reader, cached=1_000)
    for length in lengths:
        await _fill(handler, length)
    warm: dict[int, list[float]] = {length: [] for length in lengths}
    for _ in range(WARM_APPENDS):
        for length in lengths:  # in turn: drifts hit all alike
            warm[length].append(await _append(handler, length))
    cold: dict[int, list[float]] = {length: [] for length in lengths}
    for _ in range(count):
        for length in lengths:
            cold[length].append(await _append(Handler(writer, reader, cached=1_000), length))
    await writer.stop()
    await reader.stop()
    return warm, cold


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
