"""Conversations as they stood at a position, read from the log, which does not change: no snapshot is held open."""

from collections.abc import AsyncGenerator, Iterable

from domain import published
from domain import resources as res
from domain.envelope import Recorded
from domain.events import ConversationCompacted, MessageAppended
from domain.ids import split_stream
from domain.state import ConversationState, evolve
from eventstore.appends import StoredRow
from eventstore.mapper import EventMapper
from eventstore.reader import LogReader

PAGE = 500
PAGE_BYTES = 512 << 10
"""What is held at a time; an event may be larger, then it alone is."""


class PastLog:
    """The log as it stood at a position."""

    def __init__(self, reader: LogReader, position: int) -> None:
        self.position = position
        self._reader = reader
        self._mapper = EventMapper()

    async def conversation(self, stream: str) -> "Standing | None":
        """None where there was none. Raises domain.codec.CodecError, EventStoreError."""
        state: ConversationState | None = None
        whole: list[StoredRow] | None = None
        async for rows in self.pages(stream):
            whole = rows if state is None else None
            for one in map(self.recorded, rows):
                state = evolve(state, one.event, one.version, one.meta.occurred_at)
        return Standing(self, stream, state, whole) if state is not None else None

    async def pages(self, stream: str, *names: str) -> AsyncGenerator[list[StoredRow]]:
        """The stream's events, all or those of some names."""
        after = 0
        while True:
            rows = await self._reader.stream_part(
                stream, after, self.position, PAGE, PAGE_BYTES, list(names) or None
            )
            if rows:
                yield rows
            if len(rows) < PAGE and sum(len(row.state) for row in rows) < PAGE_BYTES:
                return  # no page of this size ends before the stream does
            after = rows[-1].version

    def recorded(self, row: StoredRow) -> Recorded:
        return self._mapper.recorded(row)

    def cloud_event(self, row: StoredRow) -> published.CloudEvent:
        return self._mapper.cloud_event(row, content=True)


class Standing:
    """One conversation as it stood; pages of its parts, each part as JSON as the API answers it."""

    def __init__(
        self, log: PastLog, stream: str, state: ConversationState, whole: list[StoredRow] | None
    ) -> None:
        """`whole` are all its events, where they were few: they need not be read again."""
        self._log = log
        self._stream = stream
        self._whole = whole
        self._state = state
        self._id = split_stream(stream)[1]
        compacted = state.compacted
        self._upto = compacted.upto if compacted is not None else 0
        self._live = frozenset(compacted.live()) if compacted is not None else frozenset[int]()
        self._summary = compacted.summary_id if compacted is not None else None

    @property
    def resource(self) -> bytes:
        return res.encode(res.conversation(self._id, self._state))

    async def messages(self) -> AsyncGenerator[list[bytes]]:
        """Those that were not retracted, in order."""
        async for rows in self._pages(MessageAppended.NAME):
            events = (self._log.recorded(row).event for row in rows)
            yield [
                self._message(event)
                for event in events
                if isinstance(event, MessageAppended)
                and event.sequence not in self._state.retracted
            ]

    async def summaries(self) -> AsyncGenerator[list[bytes]]:
        if self._state.compacted is None:
            return
        async for rows in self._pages(ConversationCompacted.NAME):
            yield list(self._summaries(map(self._log.recorded, rows)))

    async def events(self) -> AsyncGenerator[list[bytes]]:
        """All, in the published envelope, with full data."""
        async for rows in self._pages():
            yield [published.encode(self._log.cloud_event(row)) for row in rows]

    async def _pages(self, *names: str) -> AsyncGenerator[list[StoredRow]]:
        if self._whole is None:
            async for rows in self._log.pages(self._stream, *names):
                yield rows
        else:
            yield [r for r in self._whole if not names or r.topic.partition(".")[0] in names]

    def _message(self, event: MessageAppended) -> bytes:
        return res.with_flags(
            res.message_json(self._id, event),
            is_pinned=event.sequence in self._state.pinned,
            is_compacted=event.sequence <= self._upto and event.sequence not in self._live,
        )

    def _summaries(self, recorded: Iterable[Recorded]) -> Iterable[bytes]:
        """The rule is the resource's: superseded is every summary but the one that stands now."""
        for one in recorded:
            event = one.event
            if isinstance(event, ConversationCompacted) and event.summary_id is not None:
                text = res.summary_json(self._id, event, one.meta.occurred_at)
                yield res.with_superseded(text, superseded=event.summary_id != self._summary)
