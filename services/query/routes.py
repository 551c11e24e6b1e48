"""The endpoints of reads: decode, hand over, answer."""

from datetime import datetime
from typing import Any

import msgspec

from domain import ids
from domain import resources as res
from domain.refusals import ConversationNotFound
from eventstore.reader import Connections
from projections.listing import ListFilter, ListRows, list_rows, list_statement
from projections.queries import query
from projections.reading import ConversationRows, Freshness, conversation_rows
from services.http.cursors import Cursors
from services.http.endpoint import Answer, Call, Endpoint, Headers, data
from services.query.consistency import Consistency
from services.query.requests import GetConversation, ListConversations, ListMessages

NAMES = ["conversations.v1", "messages.v1"]
STATUSES = {None: ("active", "archived"), "all": ("active", "archived", "deleted")}
BEYOND_LAST = 2**62


class ConversationList(msgspec.Struct):
    data: list[res.Conversation]
    has_more: bool
    next_cursor: str | None


class ConversationWithMessages(res.Conversation, frozen=True):
    messages: list[res.Message]
    has_more_messages: bool
    messages_cursor: str | None


class ConversationWithMessagesAnswer(msgspec.Struct):
    data: ConversationWithMessages


class MessageList(msgspec.Struct):
    data: list[res.Message]
    has_more: bool
    next_cursor: str | None


class QueryRoutes:
    def __init__(
        self, connections: Connections, consistency: Consistency, cursors: Cursors
    ) -> None:
        self._connections = connections
        self._consistency = consistency
        self._cursors = cursors
        self._read_conversation = query("read_conversation")
        text = query("read_messages").decode()
        self._read_messages = {
            "asc": text.format(order="ASC", beyond=">").encode(),
            "desc": text.format(order="DESC", beyond="<").encode(),
        }

    def endpoints(self) -> list[Endpoint]:
        conversations = "/v1/conversations"
        one = f"{conversations}/{{conversation_id:str}}"
        return [
            Endpoint(
                *("GET", conversations, "read", self.list_conversations, "List conversations"),
                answer=ConversationList,
                query=ListConversations,
            ),
            Endpoint(
                *("GET", one, "read", self.get_conversation, "Get a conversation"),
                answer=ConversationWithMessagesAnswer,
                query=GetConversation,
            ),
            Endpoint(
                *("GET", f"{one}/messages", "read", self.list_messages, "List messages"),
                answer=MessageList,
                query=ListMessages,
            ),
        ]

    async def list_conversations(self, call: Call[ListConversations, None]) -> Answer:
        """List conversations, most recently active first."""
        wanted = _filter(call.query)
        after = self._place(call, wanted, tuple[datetime | int, str])
        limit = call.query.limit
        statement, values = list_statement(call.workspace, wanted, after, limit + 1)

        async def fetch() -> ListRows:
            return list_rows((await self._connections.fetch(statement, values))[0])

        rows = await self._consistency.read(call, fetch)
        more = len(rows.resources) > limit
        cursor = self._next(call, wanted, rows.places[limit - 1]) if more else None
        body = _list_body(rows.resources[:limit], cursor)
        return Answer(body, 200, _headers(rows.freshness))

    async def get_conversation(self, call: Call[GetConversation, None]) -> Answer:
        """Get a conversation with its newest messages, oldest first."""
        asked = call.query
        limit = asked.message_limit if asked.include_messages else 0
        values = _values(call) | {"limit": limit + 1 if limit else 0}
        rows = await self._rows(call, self._read_conversation, values)
        resource = _existing(rows, include_deleted=asked.include_deleted)
        if not asked.include_messages:
            return Answer(data(resource), 200, _headers(rows.freshness, rows.version))
        more = len(rows.messages) > limit
        messages = rows.messages[-limit:]
        cursor = self._next(call, ("desc", None, None), rows.sequences[-limit]) if more else None
        body = b'%s,"messages":[%s],"has_more_messages":%s,"messages_cursor":%s}' % (
            resource[:-1],
            b",".join(messages),
            res.encode(more),
            res.encode(cursor),
        )
        return Answer(data(body), 200, _headers(rows.freshness, rows.version))

    async def list_messages(self, call: Call[ListMessages, None]) -> Answer:
        """List a conversation's messages. A conversation's `messages_cursor` goes on here, with `order=desc`."""
        asked = call.query
        fingerprint = (asked.order, asked.role, asked.pinned)
        after = self._place(call, fingerprint, int)
        first = 0 if asked.order == "asc" else BEYOND_LAST
        values = _values(call) | {
            "after": first if after is None else after,
            "role": asked.role,
            "pinned": asked.pinned,
            "limit": asked.limit + 1,
        }
        rows = await self._rows(call, self._read_messages[asked.order], values)
        _existing(rows, include_deleted=False)
        more = len(rows.messages) > asked.limit
        cursor = self._next(call, fingerprint, rows.sequences[asked.limit - 1]) if more else None
        body = _list_body(rows.messages[: asked.limit], cursor)
        return Answer(body, 200, _headers(rows.freshness, rows.version))

    async def _rows(
        self, call: Call[Any, None], statement: bytes, values: dict[str, Any]
    ) -> ConversationRows:
        async def fetch() -> ConversationRows:
            return conversation_rows((await self._connections.fetch(statement, values))[0])

        return await self._consistency.read(call, fetch)

    def _place(self, call: Call[Any, None], wanted: Any, kind: Any) -> Any:
        cursor: str | None = call.query.cursor
        if cursor is None:
            return None
        return self._cursors.read(call.workspace, _bound(call, wanted), cursor, kind)

    def _next(self, call: Call[Any, None], wanted: Any, place: Any) -> str:
        return self._cursors.make(call.workspace, _bound(call, wanted), place)


def _bound(call: Call[Any, None], wanted: Any) -> Any:
    """What a cursor is bound to beside the workspace: the conversation, where there is one, and the filters."""
    return [call.path.get("conversation_id"), wanted]


def _values(call: Call[Any, None]) -> dict[str, Any]:
    conversation: str = call.path["conversation_id"]
    if ids.IDENTIFIER.fullmatch(conversation) is None:
        raise ConversationNotFound
    return {
        "workspace": call.workspace,
        "id": conversation,
        "stream": ids.stream_id(call.workspace, conversation),
        "names": NAMES,
    }


def _existing(rows: ConversationRows, *, include_deleted: bool) -> bytes:
    if rows.resource is None or (rows.status == "deleted" and not include_deleted):
        raise ConversationNotFound
    return rows.resource


def _filter(asked: ListConversations) -> ListFilter:
    return ListFilter(
        statuses=STATUSES.get(asked.status) or (str(asked.status),),
        assistant_id=asked.assistant_id,
        user_id=asked.user_id,
        source=asked.source,
        created_after=asked.created_after,
        created_before=asked.created_before,
        updated_after=asked.updated_after,
        updated_before=asked.updated_before,
        metadata=asked.metadata,
        sort_by=asked.sort_by,
        order=asked.order,
    )


def _list_body(items: list[bytes], cursor: str | None) -> bytes:
    return b'{"data":[%s],"has_more":%s,"next_cursor":%s}' % (
        b",".join(items),
        res.encode(cursor is not None),
        res.encode(cursor),
    )


def _headers(freshness: Freshness, version: int | None = None) -> Headers:
    headers = [(b"x-projection-position", b"%d" % freshness.checkpoint)]
    return headers if version is None else [(b"etag", b'"%d"' % version), *headers]
