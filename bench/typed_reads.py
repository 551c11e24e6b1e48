"""The same reads by way of objects: columns into structs, structs into JSON.

As quick as that can be done: one prepared binary statement whose rows come as parallel arrays, which psycopg
parses in C; msgspec structs; the service's own edge, consistency and cursors.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from importlib.resources import files
from typing import Any

import msgspec
import psycopg

from domain import resources as res
from domain.policy import CompactionPolicy
from eventstore.reader import Connections
from projections.reading import Freshness
from services.http.app import build_app
from services.http.edge import App
from services.http.endpoint import Answer, Call, Endpoint, data, list_body
from services.http.figures import Figures
from services.http.keys import KeyRing
from services.http.limits import Limiter
from services.http.minting import Minter
from services.processes import cursors_of
from services.query.consistency import Consistency
from services.query.conversation_routes import NEWEST_FIRST
from services.query.reads import Reads, headers_of, values_of
from services.query.requests import GetConversation, ListConversations
from services.settings import Settings


def create_tables(connection: psycopg.Connection[Any]) -> None:
    """The rows of the read models once more, a column a field."""
    connection.execute(_sql("typed_tables"))


def _sql(name: str) -> bytes:
    return files("bench").joinpath("sql", f"{name}.sql").read_bytes()


class _Rows(msgspec.Struct):
    freshness: Freshness
    conversations: list[res.Conversation]
    messages: list[res.Message]


def _rows(row: tuple[Any, ...]) -> _Rows:
    checkpoint, pending, head, conversations, messages = row[0], row[1], row[2], row[3:21], row[21:]
    behind = pending if pending is not None and pending > checkpoint else None
    return _Rows(
        Freshness(checkpoint, behind, head),
        [_conversation(*fields) for fields in zip(*conversations, strict=True)],
        [_message(*fields) for fields in zip(*messages, strict=True)] if messages else [],
    )


def _conversation(  # noqa: PLR0917 - the columns
    name: str,
    assistant: str | None,
    title: str | None,
    source: Any,
    status: Any,
    user: str | None,
    count: int,
    tokens_in: int,
    tokens_out: int,
    cost: str,
    metadata: str,
    compaction: str,
    context: int,
    version: int,
    created: datetime,
    updated: datetime,
    active: datetime | None,
    deleted: datetime | None,
) -> res.Conversation:
    return res.Conversation(
        *(name, assistant, title, source, status, user, count, tokens_in, tokens_out),
        Decimal(cost),
        _pairs(metadata),
        _policy(compaction),
        *(context, version, created, updated, active, deleted),
    )


def _message(  # noqa: PLR0917 - the columns
    name: str,
    conversation: str,
    sequence: int,
    role: Any,
    content: bytes,
    calls: bytes,
    call: str | None,
    author: str | None,
    model: str | None,
    reason: str | None,
    extra: bytes,
    tokens_in: int,
    tokens_out: int,
    cost: str | None,
    tokens: int,
    metadata: str,
    created: datetime,
    pinned: bool,
) -> res.Message:
    raw = msgspec.Raw
    return res.Message(
        *(name, conversation, sequence, role, raw(content), raw(calls), call, author, model),
        *(reason, raw(extra), tokens_in, tokens_out, None if cost is None else Decimal(cost)),
        *(tokens, _pairs(metadata), created),
        is_pinned=pinned,
        is_compacted=False,
    )


_pairs = msgspec.json.Decoder(dict[str, str]).decode
_policy = msgspec.json.Decoder(CompactionPolicy).decode


class TypedReads:
    """The two endpoints that are compared, on the same paths."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._one, self._list = _sql("typed_conversation"), _sql("typed_list")

    def endpoints(self) -> list[Endpoint]:
        path = "/v1/conversations"
        one = f"{path}/{{conversation_id:str}}"
        return [
            Endpoint(
                *("GET", path, "read", self.list_conversations, ""),
                answer=None,
                query=ListConversations,
            ),
            Endpoint(*("GET", one, "read", self.get, ""), answer=None, query=GetConversation),
        ]

    async def list_conversations(self, call: Call[ListConversations, None]) -> Answer:
        limit = call.query.limit
        rows = await self._fetch(
            call, self._list, {"workspace": call.workspace, "limit": limit + 1}
        )
        shown = rows.conversations[:limit]
        last = shown[-1]
        cursor = self._reads.cursor(call, None, (last.last_message_at, last.id))
        body = list_body([res.encode(conversation) for conversation in shown], cursor)
        return Answer(body, 200, headers_of(rows.freshness))

    async def get(self, call: Call[GetConversation, None]) -> Answer:
        limit = call.query.message_limit
        rows = await self._fetch(call, self._one, values_of(call) | {"limit": limit + 1})
        conversation = rows.conversations[0]
        more = len(rows.messages) > limit
        messages = rows.messages[-limit:]
        cursor = self._reads.cursor(call, NEWEST_FIRST, messages[0].sequence) if more else None
        body = b'%s,"messages":%s,"has_more_messages":%s,"messages_cursor":%s}' % (
            res.encode(conversation)[:-1],
            res.encode(messages),
            res.encode(more),
            res.encode(cursor),
        )
        return Answer(data(body), 200, headers_of(rows.freshness, conversation.version))

    async def _fetch(self, call: Call[Any, None], statement: bytes, values: dict[str, Any]) -> Any:
        async def fetch() -> _Rows:
            return _rows((await self._reads.connections.fetch(statement, values))[0])

        return await self._reads.consistency.read(call, fetch)


@asynccontextmanager
async def with_typed_reads(settings: Settings) -> AsyncGenerator[App]:
    minter = Minter()
    size = settings.database_connections
    connections = Connections(settings.database_url, name="typed", size=size)
    keys = Connections(settings.database_url, name="keys", size=1)
    figures = Figures()
    consistency = Consistency(settings.database_url, settings.read_wait_seconds, figures.waited)
    reads = Reads(connections, consistency, cursors_of(settings))
    limiter = Limiter(per_key=settings.rate_limit_key, per_workspace=settings.rate_limit_workspace)
    await connections.start()
    await keys.start()
    consistency.start()
    try:
        yield build_app(
            TypedReads(reads).endpoints(),
            [],
            keys=KeyRing(keys),
            minter=minter,
            limiter=limiter,
            figures=figures,
            max_body=settings.max_body_bytes,
        )
    finally:
        await consistency.stop()
        await connections.stop()
        await keys.stop()
