"""One command on many conversations: one append for all that accept it, a refusal for each that does not."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from itertools import groupby
from operator import attrgetter

import msgspec

from domain import events as e
from domain.codec import Codec, CodecError
from domain.refusals import Refusal
from eventstore.appends import Append, NewEvent, StoredRow
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
                await stack.enter_async_context(self._states.turns.turn(stream))
            for _ in range(ATTEMPTS):
                decisions = _Decisions(command_id, keyed, replay, self._states, self._codec)
                try:
                    return await self._attempt(orders, decisions)
                except VersionConflict:
                    continue
            raise too_many_writers()

    async def _attempt(self, orders: list[Order], decisions: "_Decisions") -> Many:
        await decisions.decide(orders)
        if not decisions.accepted and decisions.keyed is None:
            return decisions.many()
        appended = await self._writer.append(decisions.append())
        many = decisions.many()
        if not decisions.accepted:
            return many
        end = appended.first_position
        for order, folded, events in decisions.accepted.values():
            end += len(events)
            state = evolved(folded, events, order.meta)
            self._states.remember(order.stream, Folded(state, end - 1))
        return Many(many.refused, appended.last_position)


class _Decisions:
    """Orders, each decided on its state; by the writer once more, where streams have moved on."""

    def __init__(
        self,
        command_id: str,
        keyed: Keyed | None,
        replay: Callable[[Many], Replay],
        states: States,
        codec: Codec,
    ) -> None:
        self.keyed = keyed
        self.accepted: dict[str, tuple[Order, Folded, list[e.Event]]] = {}
        """By stream, in the order of their events."""
        self._refused: dict[str, Refusal | CodecError] = {}
        self._position = 0
        self._command_id = command_id
        self._replay = replay
        self._states = states
        self._codec = codec

    async def decide(self, orders: list[Order]) -> None:
        for order in orders:
            try:
                self._decide(order, await self._states.newest(order.stream))
            except CodecError as error:
                self._refused[order.stream] = error

    def _decide(self, order: Order, folded: Folded) -> None:
        self._position = max(self._position, folded.position)
        try:
            if events := decided(order, folded):
                self.accepted[order.stream] = order, folded, events
        except Refusal as refusal:
            self._refused[order.stream] = refusal

    def many(self) -> Many:
        return Many(self._refused, self._position)

    def append(self) -> Append:
        new: list[NewEvent] = []
        for order, folded, events in self.accepted.values():
            new += new_events(self._codec, order, folded.version, events, len(new))
        if self.keyed is None:
            return Append(self._command_id, tuple(new), None, self._again)
        position = None if new else self._position
        kept = msgspec.structs.replace(self._replay(self.many()), position=position)
        return Append(self._command_id, tuple(new), self.keyed.entry(kept), self._again)

    def _again(self, rows: Sequence[StoredRow]) -> Append:
        for stream, newer in groupby(rows, key=attrgetter("stream")):
            order, folded, _ = self.accepted.pop(stream)
            try:
                self._decide(order, self._states.read_on(folded, list(newer)))
            except CodecError as error:
                self._refused[stream] = error
        return self.append()
