"""A command whose conversation another process writes to all the time is not overtaken for ever."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
import pytest
from typing_extensions import override

from domain.commands import (
    AppendMessages,
    DeleteConversation,
    NewMessage,
    StartConversation,
    UpdateConversation,
)
from domain.envelope import Meta
from domain.policy import CompactionPolicy
from domain.refusals import ConversationIsDeleted
from eventstore.folded import Folded
from eventstore.reader import LogReader
from eventstore.states import States
from services.command.handle import Handler, Keyed, Order, Replay
from services.command.handle_many import ManyHandler
from services.http.errors import ApiError
from tests.eventstore.support import check_whole, outcomes, stored, writing
from tests.servers import Database

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
STREAM = "w:a"


def start() -> StartConversation:
    return StartConversation("api", CompactionPolicy(), NOON)


def said(name: str) -> AppendMessages:
    message = NewMessage(name, "user", msgspec.Raw(b'"hello"'), 2, 0, 6, "o200k_base", NOON)
    return AppendMessages((message,))


def order(command: object, name: str, *, stream: str = STREAM, **more: object) -> Order:
    return Order(stream, command, Meta("", NOON, name, "key_1"), **more)


def keyed(name: str) -> Keyed:
    return Keyed("w", name, b"hash")


class Overtaken(States):
    """Whatever it reads is old by the time it is decided on: `rival` writes in between."""

    rival: Handler
    keys: LogReader
    rivals = 0

    @override
    async def newest(self, stream: str, known: Folded | None = None) -> Folded:
        folded = await super().newest(stream, known)
        await self.overtake(stream)
        return folded

    async def overtake(self, stream: str = STREAM) -> None:
        self.rivals += 1
        name = f"rival {self.rivals}"
        await self.rival.handle(order(said(name), name, stream=stream))


@asynccontextmanager
async def reading(database: Database) -> AsyncIterator[LogReader]:
    reader = LogReader(database.service)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


@asynccontextmanager
async def overtaken(database: Database) -> AsyncIterator[tuple[Handler, ManyHandler, Overtaken]]:
    """Handlers of a process, and their states, which another process's writes always overtake."""
    async with (
        reading(database) as reader,
        writing(database.service) as ours,
        writing(database.service) as theirs,
    ):
        states = Overtaken(reader, cached=10)
        states.rival, states.keys = Handler(theirs, States(reader, cached=10)), reader
        yield Handler(ours, states), ManyHandler(ours, states), states
    check_whole(database.service)


async def test_a_command_that_is_always_overtaken_lands(database: Database) -> None:
    async with overtaken(database) as (handler, _, states):
        await handler.handle(order(start(), "start"))
        for number in range(5):
            await states.overtake()
            name = f"ours {number}"
            outcome = await handler.handle(order(said(name), name, keyed=keyed(name)))
            assert states.cached(STREAM) == Folded(outcome.state, outcome.position)
            assert outcome.state.version == len(stored(database.service))
        row = await states.keys.find_key("w", name)
        assert row is not None
        replay = msgspec.json.decode(row.result, type=Replay)
        assert replay.version == outcome.state.version
        assert row.last_position == outcome.position
    assert states.rivals <= 10  # one look at the log a command, not fifty


async def test_many_conversations_that_are_always_overtaken_land_together(
    database: Database,
) -> None:
    async with overtaken(database) as (handler, many, states):
        for stream in ("w:a", "w:b"):
            await handler.handle(order(start(), f"start {stream}", stream=stream))
        orders = [
            order(UpdateConversation(archived=True), "both", stream=s) for s in ("w:a", "w:b")
        ]
        found = await many.handle("both", orders, None, lambda _: Replay("bulk"))
        assert not found.refused
        for stream in ("w:a", "w:b"):
            folded = await states.newest(stream, Folded(None, 0))
            assert folded.state is not None
            assert folded.state.status == "archived"


async def test_what_is_decided_again_may_be_refused(database: Database) -> None:
    """Each answer is the one that a command of its own, sent later, would have got."""
    async with overtaken(database) as (handler, _, states):
        await handler.handle(order(start(), "start"))
        version = states.cached(STREAM).version
        await states.overtake()
        with pytest.raises(ApiError) as refused:
            await handler.handle(order(said("m"), "m", if_match=version))
        assert refused.value.status == 412
        await states.rival.handle(order(UpdateConversation(archived=True), "archive"))
        for nothing in (
            order(UpdateConversation(archived=True), "again"),
            order(UpdateConversation(archived=True), "again, keyed", keyed=keyed("k")),
        ):
            outcome = await handler.handle(nothing)
            assert outcome.events == []
            assert outcome.state.status == "archived"
        await states.rival.handle(order(DeleteConversation(), "delete"))
        with pytest.raises(ConversationIsDeleted):
            await handler.handle(order(said("n"), "n"))


async def test_two_processes_at_one_conversation_both_get_on(database: Database) -> None:
    async with (
        reading(database) as reader,
        writing(database.service) as one,
        writing(database.service) as two,
    ):
        handlers = [Handler(writer, States(reader, cached=10)) for writer in (one, two)]
        await handlers[0].handle(order(start(), "start"))

        async def append(number: int) -> None:
            await handlers[number % 2].handle(order(said(f"m{number}"), f"m{number}"))

        assert set(await outcomes(*(append(number) for number in range(200)))) == {None}
    assert len(stored(database.service)) == 201
    check_whole(database.service)
