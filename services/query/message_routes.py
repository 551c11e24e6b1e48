"""Reads of a conversation's messages and of its events."""

import msgspec

from domain import ids, published
from domain import resources as res
from eventstore.mapper import EventMapper
from eventstore.reader import LogReader
from projections.reading import PAGE_BYTES
from services.http import examples
from services.http.endpoint import Answer, Call, Endpoint, list_body
from services.query.reads import (
    BEYOND_LAST,
    Reads,
    existing,
    headers_of,
    ordered,
    values_of,
)
from services.query.requests import ListEvents, ListMessages


class MessageList(msgspec.Struct):
    data: list[res.Message]
    has_more: bool
    next_cursor: str | None


class EventList(msgspec.Struct):
    """Events in the published envelope, CloudEvents 1.0."""

    data: list[published.CloudEvent]
    has_more: bool
    next_cursor: str | None


class MessageRoutes:
    def __init__(self, reads: Reads, reader: LogReader) -> None:
        self._reads = reads
        self._reader = reader
        self._read_messages = ordered("read_messages")
        self._read_live = ordered("read_live_messages")
        self._mapper = EventMapper()

    def endpoints(self) -> list[Endpoint]:
        one = "/v1/conversations/{conversation_id:str}"
        return [
            Endpoint(
                *("GET", f"{one}/messages", "read", self.list_messages, "List messages"),
                answer=MessageList,
                tag="messages",
                example_answer=examples.MESSAGE_LIST,
                query=ListMessages,
            ),
            Endpoint(
                *("GET", f"{one}/events", "read", self.list_events, "List events"),
                answer=EventList,
                tag="events",
                query=ListEvents,
            ),
        ]

    async def list_messages(self, call: Call[ListMessages, None]) -> Answer:
        """List a conversation's messages. A conversation's `messages_cursor` goes on here, with `order=desc`."""
        asked = call.query
        wanted: tuple[object, ...] = (asked.order, asked.role, asked.pinned)
        if not asked.include_compacted:
            wanted = (*wanted, "live")
        after = self._reads.place(call, wanted, int)
        first = 0 if asked.order == "asc" else BEYOND_LAST
        values = values_of(call) | {
            "after": first if after is None else after,
            "role": asked.role,
            "pinned": asked.pinned,
            "limit": asked.limit + 1,
        }
        statements = self._read_messages if asked.include_compacted else self._read_live
        rows = await self._reads.rows(call, statements[asked.order], values)
        existing(rows)
        shown = rows.messages[: asked.limit]
        more = rows.are_cut or len(rows.messages) > asked.limit
        place = rows.sequences[len(shown) - 1] if more else None
        cursor = self._reads.cursor(call, wanted, place) if more else None
        body = list_body(shown, cursor)
        return Answer(body, 200, headers_of(rows.freshness, rows.version))

    async def list_events(self, call: Call[ListEvents, None]) -> Answer:
        """List a conversation's events as they are published, with full data: its audit trail."""
        asked = call.query
        place = self._reads.place(call, asked.from_version, int)
        after = asked.from_version - 1 if place is None else place
        rows = await self._reads.conversation(call, 0)
        existing(rows)
        stream = ids.stream_id(call.workspace, call.path["conversation_id"])
        stored = await self._reader.stream_part(
            stream, after, BEYOND_LAST, asked.limit + 1, PAGE_BYTES, None
        )
        shown = stored[: asked.limit]
        more = bool(shown) and (len(stored) > len(shown) or shown[-1].version < (rows.version or 0))
        cursor = self._reads.cursor(call, asked.from_version, shown[-1].version) if more else None
        events = [self._mapper.cloud_event(row, content=True) for row in shown]
        body = list_body([published.encode(event) for event in events], cursor)
        return Answer(body, 200, headers_of(rows.freshness, rows.version))
