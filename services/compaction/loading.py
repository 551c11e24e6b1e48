"""What is needed of a conversation to think about its context, from the log: its cost is what is live, not what was."""

from collections.abc import Container
from typing import Any

import msgspec

from domain.calls import OpenCalls, call_ids, close_call, open_calls_of
from domain.codec import Codec
from domain.compaction.engine import Live, is_stale
from domain.compaction.entries import Entry
from domain.compaction.loading import entry_of, live_of
from domain.events import ConversationCompacted, MessageAppended
from domain.state import ConversationState
from eventstore.appends import StoredRow
from eventstore.reader import LogReader
from services.compaction.beside import are_long_messages, are_long_rows, beside

PAGE = 1_000
NEIGHBOURS = 100
"""Events read at a time around a message whose group is looked for."""


class Loaded(msgspec.Struct, frozen=True):
    entries: list[Entry]
    """Ascending: the live ones, and what else was asked for."""
    last: ConversationCompacted | None
    again: list[Entry]
    """Messages of a model's passages that are to be told anew."""

    def live(self, state: ConversationState, *, whole: bool = False) -> Live:
        """`whole`: as if nothing had been compacted."""
        if whole:
            return Live(self.entries)
        return live_of(state, self.entries, self.last, self.again)


class Loader:
    """Reads the log of one conversation at a time."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._decode = Codec().decode

    async def load(
        self,
        stream: str,
        state: ConversationState,
        around: int | None = None,
        *,
        whole: bool = False,
    ) -> Loaded:
        """As `state` has it; `around` is a message whose group is needed too; `whole`: every message."""
        found: dict[int, MessageAppended] = {}
        last: ConversationCompacted | None = None
        compacted = state.compacted
        if compacted is None or whole:
            await self._from(stream, 0, state.version, found)
        else:
            for sequence in compacted.live():
                if sequence not in state.retracted:
                    await self._one(stream, state, sequence, found)
            begin = await self._version_of(stream, state, compacted.upto)
            await self._from(stream, begin, state.version, found)
            rows = await self._reader.stream_page(stream, compacted.version - 1, 1)
            event = self._event(rows[0])
            last = event if isinstance(event, ConversationCompacted) else None
        if around is not None:
            await self._group_of(stream, state, around, found)
        again = await self._told_anew(stream, state, last)
        is_long = are_long_messages(found.values()) or are_long_messages(again.values())
        return await beside(
            is_long, lambda: Loaded(_entries(found, state), last, _entries(again, state))
        )

    async def _told_anew(
        self, stream: str, state: ConversationState, last: ConversationCompacted | None
    ) -> dict[int, MessageAppended]:
        """The messages of passages that tell of one that was pinned or retracted since, without those."""
        compacted = state.compacted
        if last is None or compacted is None:
            return {}
        untold = compacted.untold()
        found: dict[int, MessageAppended] = {}
        for passage in last.passages:
            if is_stale(passage, untold):
                first = await self._version_of(stream, state, passage.first_sequence)
                end = await self._version_of(stream, state, passage.last_sequence)
                await self._from(stream, first - 1, end, found)
        standing = set(compacted.live())
        return {s: m for s, m in found.items() if s not in standing and s not in untold}

    async def _from(
        self, stream: str, after: int, upto: int, found: dict[int, MessageAppended]
    ) -> None:
        while after < upto:
            rows = await self._reader.stream_page(stream, after, PAGE)
            await beside(are_long_rows(rows), self._take_all, rows, upto, found)
            if len(rows) < PAGE:
                return
            after = rows[-1].version

    async def _one(
        self,
        stream: str,
        state: ConversationState,
        sequence: int,
        found: dict[int, MessageAppended],
    ) -> int:
        version = await self._version_of(stream, state, sequence)
        rows = await self._reader.stream_page(stream, version - 1, 1)
        self._take(rows[0], found)
        return version

    async def _version_of(self, stream: str, state: ConversationState, sequence: int) -> int:
        """Where the message stands in its stream.

        A message's version is its sequence plus the events of other kinds before it, so it lies in a window as wide as
        all such events; each look halves it at least.
        """
        low, high = sequence + 1, sequence + state.version - state.last_sequence
        while low < high:
            middle = (low + high) // 2
            version, found = await self._message_from(stream, middle)
            if found == sequence:
                return version
            if found > sequence:
                high = min(middle - 1, version - (found - sequence))
            else:
                low = version + (sequence - found)
        return low

    async def _message_from(self, stream: str, version: int) -> tuple[int, int]:
        """Version and sequence of the first message from a version on; beyond all where there is none."""
        after = version - 1
        while True:
            rows = await self._reader.stream_page(stream, after, 8)
            for row in rows:
                if row.topic.startswith("MessageAppended."):
                    return row.version, msgspec.json.decode(row.state, type=_Appended).data.sequence
            if len(rows) < 8:
                return 1 << 62, 1 << 62
            after = rows[-1].version

    async def _group_of(
        self,
        stream: str,
        state: ConversationState,
        sequence: int,
        found: dict[int, MessageAppended],
    ) -> None:
        """The message, and where it is out of the context its neighbours, as far as its group can reach."""
        version = await self._one(stream, state, sequence, found)
        compacted = state.compacted
        if compacted is None or not compacted.is_compacted(sequence):
            return
        others = frozenset((*compacted.live(), *state.retracted))
        first = found[sequence]
        if first.role == "tool":
            version = await self._back_to_call(stream, version, first, others, found)
        await self._on_to_results(stream, version, compacted.upto, others, found)

    async def _back_to_call(
        self,
        stream: str,
        before: int,
        result: MessageAppended,
        others: Container[int],
        found: dict[int, MessageAppended],
    ) -> int:
        """Reads back to the message that made the call; each other result of its id on the way hides one more.

        `others` were retracted, or are in the context: no part of the group.
        """
        hidden = 1
        while True:
            rows = await self._reader.stream_page_back(stream, before, NEIGHBOURS)
            for row in rows:
                event = self._take(row, found)
                if event is None or event.sequence in others:
                    continue
                if event.role == "tool":
                    hidden += event.tool_call_id == result.tool_call_id
                    continue
                hidden -= call_ids(event.tool_calls).count(result.tool_call_id or "")
                if hidden <= 0:
                    return row.version
            if len(rows) < NEIGHBOURS:
                return 0
            before = rows[-1].version

    async def _on_to_results(
        self,
        stream: str,
        version: int,
        upto: int,
        others: Container[int],
        found: dict[int, MessageAppended],
    ) -> None:
        """Reads on from a message until no call of those read is open any more, or all that left was read."""
        after = version - 1
        waiting: OpenCalls = {}
        while True:
            rows = await self._reader.stream_page(stream, after, NEIGHBOURS)
            for row in rows:
                event = self._take(row, found)
                if event is not None and event.sequence > upto:
                    return
                if event is None or event.sequence in others:
                    continue
                if event.role == "tool":
                    waiting = close_call(waiting, event.tool_call_id)
                else:
                    ids = call_ids(event.tool_calls)
                    waiting = open_calls_of(waiting, event.sequence, ids)
                if not waiting:
                    return
            if len(rows) < NEIGHBOURS:
                return
            after = rows[-1].version

    def _take_all(
        self, rows: list[StoredRow], upto: int, found: dict[int, MessageAppended]
    ) -> None:
        for row in rows:
            if row.version <= upto:
                self._take(row, found)

    def _take(self, row: StoredRow, found: dict[int, MessageAppended]) -> MessageAppended | None:
        event = self._event(row)
        if not isinstance(event, MessageAppended):
            return None
        found[event.sequence] = event
        return event

    def _event(self, row: StoredRow) -> Any:
        return self._decode(row.topic, row.state)[1]


def _entries(found: dict[int, MessageAppended], state: ConversationState) -> list[Entry]:
    """Ascending, without the retracted, and without items of other kinds, which are a message to no model."""
    return [
        entry_of(found[s], is_pinned=s in state.pinned, tokens=found[s].token_count)
        for s in sorted(found)
        if s not in state.retracted and found[s].kind == "message"
    ]


class _Sequence(msgspec.Struct):
    sequence: int


class _Appended(msgspec.Struct):
    data: _Sequence
