"""One command on many conversations: one append for all that accept it, a refusal for each that does not."""

from collections.abc import Callable
from contextlib import AsyncExitStack

import msgspec

from domain import events as e
from domain.codec import Codec, CodecError
from domain.refusals import Refusal
from eventstore.appends import Append, NewEvent
from eventstore.errors import VersionConflict
from eventstore.folded import Folded
from eventstore.states import States
from eventstore.writer import GroupCommitWriter
from services.command.handle import (
    ATTEMPTS,
    Keyed,
    Order,
    Replay,
    decided,
    evolved,
    new_events,
    too_many_writers,
)


class Many(msgspec.Struct, frozen=True):
    """Who was refused, by stream (a CodecError: beyond this program); `position` is that of the last event, or the newest known."""

    refused: dict[str, Refusal | CodecError]
    position: int


class ManyHandler:
    """All accepted orders are appended together, or on a fault none is."""

    def __init__(self, writer: GroupCommitWriter, states: States) -> None:
        self._writer = writer
        self._states = states
        self._codec = Codec()

    async def handle(
        self,
        command_id: str,
        orders: list[Order],
        keyed: Keyed | None,
        replay: Callable[[Many], Replay],
    ) -> Many:
        """The orders' streams differ. Raises KeyTaken, Overloaded, Unavailable."""
        async with AsyncExitStack() as stack:
            for stream in sorted(
                order.stream for order in orders
            ):  # one order for all: no deadlock
                await stack.enter_async_context(self._states.lock(stream))
            for _ in range(ATTEMPTS):
                try:
                    return await self._attempt(command_id, orders, keyed, replay)
                except VersionConflict:
                    continue
            raise too_many_writers()

    async def _attempt(
        self,
        command_id: str,
        orders: list[Order],
        keyed: Keyed | None,
        replay: Callable[[Many], Replay],
    ) -> Many:
        refused: dict[str, Refusal | CodecError] = {}
        new: list[NewEvent] = []
        accepted: list[tuple[Order, Folded, list[e.Event]]] = []
        position = 0
        for order in orders:
            try:
                folded = await self._states.newest(order.stream)
                position = max(position, folded.position)
                events = decided(order, folded)
            except (Refusal, CodecError) as refusal:
                refused[order.stream] = refusal
                continue
            if events:
                new += new_events(self._codec, order, folded.version, events, len(new))
                accepted.append((order, folded, events))
        many = Many(refused, position)
        if not new and keyed is None:
            return many
        kept = msgspec.structs.replace(replay(many), position=None if new else position)
        entry = keyed.entry(kept) if keyed is not None else None
        appended = await self._writer.append(Append(command_id, tuple(new), entry))
        end = appended.first_position
        for order, folded, events in accepted:
            end += len(events)
            state = evolved(folded, events, order.meta)
            self._states.remember(order.stream, Folded(state, end - 1))
        return Many(refused, appended.last_position if new else position)
