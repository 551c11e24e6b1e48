"""From a command to the log: state, decision, append; on a conflict, once more."""

from collections.abc import Sequence
from contextlib import suppress

import msgspec

from domain import events as e
from domain.codec import Codec
from domain.commands import Command
from domain.decide import decide
from domain.envelope import Meta
from domain.refusals import Refusal
from domain.state import ConversationState, evolve
from eventstore.appends import Append, IdempotencyEntry, NewEvent, StoredRow
from eventstore.errors import MessageIdTaken, Overloaded, VersionConflict
from eventstore.folded import Folded
from eventstore.states import States
from eventstore.writer import GroupCommitWriter
from services.http.errors import ApiError

ATTEMPTS = 50
"""Conflicts with other processes in a row before a client is asked to come back: rare, for the writer decides again itself."""


_encode = msgspec.json.Encoder().encode
_replace = msgspec.structs.replace


class Replay(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an idempotency row holds: from it the first answer is made again."""

    kind: str
    stream: str = ""
    first_version: int = 0
    count: int = 0
    message_id: str = ""
    message_ids: tuple[str, ...] = ()
    """Of messages that were stored before, and were answered again."""
    position: int | None = None
    """Of the conversation's last event, where the request made none."""
    note: str = ""
    """What else the answer says that neither events nor state hold."""
    answer: msgspec.Raw = msgspec.Raw()
    """The answer itself, where it holds ids and outcomes only; else empty."""

    @property
    def version(self) -> int:
        """The conversation's after the request."""
        return self.first_version + self.count - 1


class Keyed(msgspec.Struct, frozen=True):
    """A request that is to be done once."""

    workspace: str
    key: str
    request_hash: bytes

    def entry(self, replay: Replay) -> IdempotencyEntry:
        result = _encode(replay)
        return IdempotencyEntry(self.workspace, self.key, self.request_hash, result)


class Order(msgspec.Struct, frozen=True):
    """A command with all that surrounds it."""

    stream: str
    command: Command
    meta: Meta
    """`event_id` is left to the handler."""
    if_match: int | None = None
    keyed: Keyed | None = None
    kind: str = ""
    """What the answer is made of, for a replay."""
    message_id: str = ""
    """Of the message that the answer shows, where the events do not hold it."""
    note: str = ""
    """What else the answer says, for a replay."""


class Outcome(msgspec.Struct, frozen=True):
    state: ConversationState
    events: Sequence[e.Event]
    position: int
    """Of the last event; without events, of the conversation's last one."""


class Handler:
    """One command of a stream at a time in a process.

    Between processes the log's versions decide: the loser is decided again by the writer, before anybody else can append.
    """

    def __init__(self, writer: GroupCommitWriter, states: States) -> None:
        self._writer = writer
        self._states = states
        self._codec = Codec()

    async def handle(self, order: Order) -> Outcome:
        """Raises Refusal, ApiError (412), KeyTaken, MessageIdTaken, Overloaded, Unavailable."""
        async with self._states.turns.turn(order.stream):
            folded = self._states.cached(order.stream)
            for _ in range(ATTEMPTS):
                try:
                    return await self._attempt(order, folded)
                except VersionConflict:
                    folded = await self._states.newest(order.stream, folded)
                except MessageIdTaken:
                    # The log names one reason only: the stream may have moved on as well.
                    newest = await self._states.newest(order.stream, folded)
                    if newest.version == folded.version:
                        raise
                    folded = newest
            raise too_many_writers()

    async def _attempt(self, order: Order, folded: Folded) -> Outcome:
        """A cached state may be stale. An append on it conflicts; whatever else it leads to is looked at again."""
        decision = self.decision(order, folded)
        with suppress(Refusal, ApiError):
            decision.decide()
        if not decision.events:
            decision.folded = await self._states.newest(order.stream, folded)
            decision.decide()
        if decision.events or order.keyed is not None:
            appended = await self._writer.append(decision.append())
            if decision.events:
                state = evolved(decision.folded, decision.events, order.meta)
                self._states.remember(order.stream, Folded(state, appended.last_position))
                return Outcome(state, decision.events, appended.last_position)
        assert decision.folded.state is not None  # noqa: S101 - only an existing conversation has nothing to do
        return Outcome(decision.folded.state, [], decision.folded.position)

    def decision(self, order: Order, folded: Folded) -> "Decision":
        return Decision(order, folded, self._states, self._codec)

    async def note(self, order: Order, message_ids: Sequence[str], outcome: Outcome) -> None:
        """Keep a keyed request's answer that needed no append: these messages, as stored. Raises as `handle`."""
        if order.keyed is not None:
            replay = Replay(
                order.kind,
                order.stream,
                outcome.state.version + 1,
                message_ids=tuple(message_ids),
                position=outcome.position,
            )
            append = Append(order.meta.command_id, (), order.keyed.entry(replay))
            await self._writer.append(append)


class Decision:
    """An order decided on a state; by the writer once more, where the stream has moved on."""

    def __init__(self, order: Order, folded: Folded, states: States, codec: Codec) -> None:
        self.folded = folded
        self.events: Sequence[e.Event] = ()
        self._order = order
        self._states = states
        self._codec = codec

    def decide(self) -> None:
        """Raises Refusal, ApiError (412)."""
        self.events = decided(self._order, self.folded)

    def append(self) -> Append:
        """The decision as the log takes it, with what the request's key is to stand for."""
        order, version = self._order, self.folded.version
        new = new_events(self._codec, order, version, self.events)
        if order.keyed is None:
            return Append(order.meta.command_id, tuple(new), None, self._again)
        replay = Replay(
            order.kind,
            order.stream,
            version + 1,
            len(self.events),
            order.message_id,
            position=None if self.events else self.folded.position,
            note=order.note,
        )
        return Append(order.meta.command_id, tuple(new), order.keyed.entry(replay), self._again)

    def _again(self, rows: Sequence[StoredRow]) -> Append:
        self.folded = self._states.read_on(self.folded, rows)
        self.decide()
        return self.append()


def decided(order: Order, folded: Folded) -> list[e.Event]:
    """Raises Refusal, ApiError (412)."""
    if folded.state is not None and order.if_match not in (None, folded.version):
        raise ApiError(
            412,
            f"the conversation is at version {folded.version}; read it again and decide anew",
            "version_mismatch",
            "If-Match",
        )
    return decide(folded.state, order.command)


def new_events(
    codec: Codec, order: Order, version: int, events: Sequence[e.Event], before: int = 0
) -> list[NewEvent]:
    """The events as the log takes them; `before` counts those of the same command on other streams."""
    new: list[NewEvent] = []
    for index, event in enumerate(events, 1):
        event_id = f"{order.meta.command_id}-{before + index}"
        meta = _replace(order.meta, event_id=event_id)
        topic, state = codec.encode(meta, event)
        message_id = event.message_id if isinstance(event, e.MessageAppended) else None
        new.append(NewEvent(order.stream, version + index, topic, state, message_id))
    return new


def evolved(folded: Folded, events: Sequence[e.Event], meta: Meta) -> ConversationState:
    state = folded.state
    for version, event in enumerate(events, folded.version + 1):
        state = evolve(state, event, version, meta.occurred_at)
    assert state is not None  # noqa: S101 - an existing conversation, or a first event
    return state


def too_many_writers() -> Overloaded:
    return Overloaded("too many writers at this conversation; try again shortly")
