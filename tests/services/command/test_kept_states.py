"""What the handlers remember of an append is what the log says: snapshots are made of it."""

from datetime import UTC, datetime

import msgspec

from domain.commands import AppendMessages, NewMessage, StartConversation, UpdateConversation
from domain.envelope import Meta
from domain.policy import CompactionPolicy
from eventstore.reader import LogReader
from eventstore.snapshots import Snapshots
from eventstore.states import States
from services.command.handle import Handler, Order, Replay
from services.command.handle_many import ManyHandler
from tests.eventstore.support import writing
from tests.servers import Database

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


def order(stream: str, command: object, name: str) -> Order:
    return Order(stream, command, Meta("", NOON, name, "key_1"))


def message(name: str) -> NewMessage:
    content = msgspec.Raw(b'"hello"')
    return NewMessage(name, "user", content, 2, 0, 6, "o200k_base", NOON)


async def test_each_append_leaves_a_snapshot_that_the_log_confirms(database: Database) -> None:
    reader = LogReader(database.service)
    await reader.start()
    async with writing(database.service) as writer:
        states = States(reader, cached=10, snapshot_every=1)
        handler, many = Handler(writer, states), ManyHandler(writer, states)

        async def check(stream: str) -> None:
            await states.stop()
            found = await Snapshots(reader.connections).find(stream, 0)
            from_zero = await States(reader, cached=1, snapshot_every=10**9).newest(stream)
            assert found == from_zero

        for stream in ("w:a", "w:b"):
            start = StartConversation("api", CompactionPolicy(), NOON)
            await handler.handle(order(stream, start, f"start {stream}"))
            await check(stream)
        for number in range(5):
            pair = (message(f"{number}.1"), message(f"{number}.2"))
            await handler.handle(order("w:a", AppendMessages(pair), f"append {number}"))
            await check("w:a")
        both = [
            order(stream, UpdateConversation(title="both", archived=True), "both")
            for stream in ("w:b", "w:a")
        ]
        await many.handle("both", both, None, lambda many: Replay("bulk"))
        await check("w:a")
        await check("w:b")
    await reader.stop()
