"""What all endpoints of reads share: rows that are fresh enough, cursors, the shapes of answers."""

from typing import Any

from domain import ids
from domain.refusals import ConversationNotFound
from domain.state import ConversationState
from eventstore.reader import Connections
from projections.context import NAMES, ContextRows, context_rows, messages_of
from projections.queries import query
from projections.reading import PAGE_BYTES, ConversationRows, Freshness, conversation_rows
from services.compaction.beside import are_long, beside
from services.http.cursors import Cursors
from services.http.endpoint import Call, Headers
from services.query.consistency import Consistency


class Reads:
    """One a process."""

    def __init__(
        self, connections: Connections, consistency: Consistency, cursors: Cursors
    ) -> None:
        self.connections = connections
        self.consistency = consistency
        self._cursors = cursors
        self._read_conversation = query("read_conversation")
        self._read_context = query("read_context")

    async def conversation(self, call: Call[Any, None], messages: int) -> ConversationRows:
        """The path's conversation with its newest messages. Raises ConversationNotFound, ApiError (400, 503)."""
        values = values_of(call) | {"limit": messages}
        return await self.rows(call, self._read_conversation, values)

    async def rows(
        self, call: Call[Any, None], statement: bytes, values: dict[str, Any]
    ) -> ConversationRows:
        async def fetch() -> ConversationRows:
            return conversation_rows((await self.connections.fetch(statement, values))[0])

        return await self.consistency.read(call, fetch)

    async def context(self, call: Call[Any, Any], *, whole: bool = False) -> ContextRows:
        """What the path's conversation's context is made of. Raises ApiError (400, 503)."""
        values = values_of(call) | {"whole": whole}

        async def fetch() -> ContextRows:
            row = (await self.connections.fetch(self._read_context, values))[0]
            return await beside(are_long(messages_of(row)), context_rows, row)

        return await self.consistency.read(call, fetch)

    def place(self, call: Call[Any, None], wanted: Any, kind: Any) -> Any:
        """Where the query's cursor points; None without one. Raises ApiError (400)."""
        cursor: str | None = call.query.cursor
        if cursor is None:
            return None
        return self._cursors.read(call.workspace, _bound(call, wanted), cursor, kind)

    def cursor(self, call: Call[Any, None], wanted: Any, place: Any) -> str:
        """A cursor to a place in this very query: `wanted` is its filters and order."""
        return self._cursors.make(call.workspace, _bound(call, wanted), place)


def _bound(call: Call[Any, None], wanted: Any) -> Any:
    """What a cursor is bound to beside the workspace: the conversation, where there is one, and the filters."""
    return [call.path.get("conversation_id"), wanted]


def values_of(call: Call[Any, None]) -> dict[str, Any]:
    """The path's conversation for a statement. Raises ConversationNotFound for an id that cannot be."""
    conversation: str = call.path["conversation_id"]
    if ids.IDENTIFIER.fullmatch(conversation) is None:
        raise ConversationNotFound
    return {
        "workspace": call.workspace,
        "id": conversation,
        "stream": ids.stream_id(call.workspace, conversation),
        "names": NAMES,
        "bytes": PAGE_BYTES,
    }


def existing(rows: ConversationRows, *, include_deleted: bool = False) -> bytes:
    """Its resource. Raises ConversationNotFound."""
    if rows.resource is None or (rows.status == "deleted" and not include_deleted):
        raise ConversationNotFound
    return rows.resource


def standing(rows: ContextRows) -> ConversationState:
    """Its state. Raises ConversationNotFound, for a deleted one too."""
    if rows.state is None or rows.status == "deleted":
        raise ConversationNotFound
    return rows.state


BEYOND_LAST = 2**62
"""Before the first place of a page in falling order."""


def ordered(name: str) -> dict[str, bytes]:
    """A statement in both orders: `{order}` and `{beyond}` in it are filled in."""
    text = query(name).decode()
    return {
        "asc": text.format(order="ASC", beyond=">").encode(),
        "desc": text.format(order="DESC", beyond="<").encode(),
    }


def headers_of(freshness: Freshness, version: int | None = None) -> Headers:
    headers = [(b"x-projection-position", b"%d" % freshness.checkpoint)]
    return headers if version is None else [(b"etag", b'"%d"' % version), *headers]
