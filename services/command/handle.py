"""From a command to the log: state, decision, append; on a conflict, once more."""

import asyncio
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from domain import events as e
from domain.codec import Codec
from domain.commands import Command
from domain.decide import decide
from domain.envelope import Meta
from domain.refusals import Refusal
from domain.state import ConversationState, evolve, weight
from eventstore.appends import Append, Appended, IdempotencyEntry, NewEvent, StoredRow
from eventstore.errors import Overloaded, VersionConflict
from eventstore.reader import LogReader
from eventstore.state_cache import StateCache
from eventstore.writer import GroupCommitWriter
from services.http.errors import ApiError

PAGE = 1_000
ATTEMPTS = 50
"""Conflicts with other processes in a row before a client is asked to come back."""


class Folded(msgspec.Struct, frozen=True):
    """A conversation as it stands, and where its last event stands in the log."""

    state: ConversationState | None
    position: int

    @property
    def version(self) -> int:
        return self.state.version if self.state is not None else 0


class Order(msgspec.Struct, frozen=True):
    """A command with all that surrounds it."""

    stream: str
    command: Command
    meta: Meta
    """`event_id` is left to the handler."""
    if_match: int | None = None
    key: str | None = None
    request_hash: bytes = b""
    kind: str = ""
    """What the answer is made of, for a replay."""


class Replay(msgspec.Struct, frozen=True):
    """What an idempotency row holds: from it the first answer is made again."""

    kind: str
    stream: str
    first_version: int
    count: int


class Outcome(msgspec.Struct, frozen=True):
    state: ConversationState
    events: list[e.Event]
    position: int
    """Of the last event; without events, of the conversation's last one."""


class Handler:
    """One command of a stream at a time in a process: a conversation is a sequence.

    Between processes the log's versions decide: the loser reads only what is new and decides again.
    """

    def __init__(self, writer: GroupCommitWriter, reader: LogReader, *, cached: int) -> None:
        self._writer = writer
        self._reader = reader
        self._codec = Codec()
        self._cache: StateCache[Folded] = StateCache(
            lambda folded: weight(folded.state) if folded.state is not None else 0, most=cached
        )
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def handle(self, order: Order) -> Outcome:
        """Raises Refusal, ApiError (412, 503), KeyTaken, MessageIdTaken, Overloaded, Unavailable."""
        lock = self._locks.get(order.stream)
        if lock is None:
            self._locks[order.stream] = lock = asyncio.Lock()
        async with lock:
            folded = self._cache.get(order.stream) or Folded(None, 0)
            for _ in range(ATTEMPTS):
                try:
                    return await self._attempt(order, folded)
                except VersionConflict:
                    folded = await self._load(order.stream, folded)
                    self._remember(order.stream, folded)
            raise Overloaded("too many writers at this conversation; try again shortly")

    async def state(self, stream: str) -> Folded:
        """The conversation as it stands now in the log."""
        return await self._load(stream, self._cache.get(stream) or Folded(None, 0))

    async def _attempt(self, order: Order, folded: Folded) -> Outcome:
        """A cached state may be stale. An append on it conflicts; whatever else it leads to is looked at again."""
        try:
            events = self._decide(order, folded)
        except (Refusal, ApiError):
            events = None
        if not events:
            folded = await self._load(order.stream, folded)
            self._remember(order.stream, folded)
            events = self._decide(order, folded)
        if not events and order.key is None:
            return self._unchanged(folded)
        appended = await self._append(order, folded.version, events)
        if not events:
            return self._unchanged(folded)
        state = folded.state
        for version, event in enumerate(events, folded.version + 1):
            state = evolve(state, event, version, order.meta.occurred_at)
        self._remember(order.stream, Folded(state, appended.last_position))
        assert state is not None  # noqa: S101 - there was an event
        return Outcome(state, events, appended.last_position)

    def _decide(self, order: Order, folded: Folded) -> list[e.Event]:
        if order.if_match is not None and order.if_match != folded.version:
            raise ApiError(
                412,
                f"the conversation is at version {folded.version}; read it again and decide anew",
                "version_mismatch",
                "If-Match",
            )
        return decide(folded.state, order.command)

    def _unchanged(self, folded: Folded) -> Outcome:
        assert folded.state is not None  # noqa: S101 - only an existing conversation has nothing to do
        return Outcome(folded.state, [], folded.position)

    async def _append(self, order: Order, version: int, events: list[e.Event]) -> Appended:
        new: list[NewEvent] = []
        for index, event in enumerate(events, 1):
            meta = msgspec.structs.replace(order.meta, event_id=f"{order.meta.command_id}-{index}")
            topic, state = self._codec.encode(meta, event)
            message_id = event.message_id if isinstance(event, e.MessageAppended) else None
            new.append(NewEvent(order.stream, version + index, topic, state, message_id))
        entry = None
        if order.key is not None:
            replay = Replay(order.kind, order.stream, version + 1, len(events))
            workspace = order.stream.partition(":")[0]
            result = msgspec.json.encode(replay)
            entry = IdempotencyEntry(workspace, order.key, order.request_hash, result)
        return await self._writer.append(Append(order.meta.command_id, tuple(new), entry))

    async def _load(self, stream: str, folded: Folded) -> Folded:
        """What is new since `folded`, a page at a time."""
        while True:
            rows = await self._reader.stream_page(stream, folded.version, PAGE)
            if rows:
                folded = self._fold(folded, rows)
            if len(rows) < PAGE:
                return folded

    def _fold(self, folded: Folded, rows: list[StoredRow]) -> Folded:
        state = folded.state
        for row in rows:
            meta, event = self._codec.decode(row.topic, row.state)
            state = evolve(state, event, row.version, meta.occurred_at)
        return Folded(state, rows[-1].position)

    def _remember(self, stream: str, folded: Folded) -> None:
        if folded.state is not None:
            self._cache.put(stream, folded)

    def decode(self, row: StoredRow) -> tuple[Meta, Any]:
        return self._codec.decode(row.topic, row.state)
