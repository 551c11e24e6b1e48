"""Reads of conversations: the list, and one with its newest messages."""

from datetime import datetime

import msgspec

from domain import ids
from domain import resources as res
from domain.refusals import ConversationNotFound
from projections.listing import ListFilter, ListRows, SortBy, list_rows, list_statement, plans_of
from services.http import examples
from services.http.endpoint import Answer, Call, Endpoint, data, list_body
from services.http.minting import Minter
from services.query.history import History, parse_as_of
from services.query.reads import Reads, existing, headers_of
from services.query.requests import ConversationFilters, GetConversation, ListConversations

STATUSES = {None: ("active", "archived"), "all": ("active", "archived", "deleted")}
NEWEST_FIRST = ("desc", None, None)
"""The messages that `messages_cursor` goes on with: see `list_messages`."""


class ConversationList(msgspec.Struct):
    data: list[res.Conversation]
    has_more: bool
    next_cursor: str | None


class ConversationWithMessages(res.Conversation, frozen=True):
    """The last three are there unless `include_messages` is false."""

    messages: list[res.Message] | msgspec.UnsetType = msgspec.UNSET
    has_more_messages: bool | msgspec.UnsetType = msgspec.UNSET
    messages_cursor: str | msgspec.UnsetType | None = msgspec.UNSET


class ConversationWithMessagesAnswer(msgspec.Struct):
    data: ConversationWithMessages


class ConversationRoutes:
    def __init__(self, reads: Reads, history: History, minter: Minter) -> None:
        self._reads = reads
        self._history = history
        self._minter = minter

    def endpoints(self) -> list[Endpoint]:
        all_of_them = "/v1/conversations"
        one = f"{all_of_them}/{{conversation_id:str}}"
        return [
            Endpoint(
                *("GET", all_of_them, "read", self.list_conversations, "List conversations"),
                answer=ConversationList,
                example_answer=examples.CONVERSATION_LIST,
                query=ListConversations,
            ),
            Endpoint(
                *("GET", one, "read", self.get_conversation, "Get a conversation"),
                answer=ConversationWithMessagesAnswer,
                example_answer=examples.CONVERSATION_WITH_MESSAGES,
                query=GetConversation,
            ),
        ]

    async def list_conversations(self, call: Call[ListConversations, None]) -> Answer:
        """List conversations, most recently active first. Archived ones are listed, deleted ones only when asked for by `status`."""
        wanted = list_filter(call.query, call.query.sort_by)
        after = self._reads.place(call, wanted, tuple[datetime | int, str])
        limit = call.query.limit
        statement, values = list_statement(call.workspace, wanted, after, limit + 1)

        async def fetch() -> ListRows:
            found = await self._reads.connections.fetch(statement, values, plans_of(wanted))
            return list_rows(found[0])

        rows = await self._reads.consistency.read(call, fetch)
        more = len(rows.resources) > limit
        cursor = self._reads.cursor(call, wanted, rows.places[limit - 1]) if more else None
        body = list_body(rows.resources[:limit], cursor)
        return Answer(body, 200, headers_of(rows.freshness))

    async def get_conversation(self, call: Call[GetConversation, None]) -> Answer:
        """Get a conversation with its newest messages, oldest first.

        `as_of` shows how it stood at a version or a time; the cursor then goes on through the messages as they are now.
        """
        asked = call.query
        limit = asked.message_limit if asked.include_messages else 0
        if asked.as_of is not None:
            return await self._as_of(call, asked.as_of, limit)
        rows = await self._reads.conversation(call, limit + 1 if limit else 0)
        resource = existing(rows, include_deleted=asked.include_deleted)
        body = self._body(
            call, resource, limit, rows.sequences, rows.messages, are_cut=rows.are_cut
        )
        return Answer(body, 200, headers_of(rows.freshness, rows.version))

    async def _as_of(self, call: Call[GetConversation, None], text: str, limit: int) -> Answer:
        asked = call.query
        as_of = parse_as_of(text, self._minter.now())
        rows = await self._reads.conversation(call, 0)
        existing(rows, include_deleted=asked.include_deleted)
        conversation: str = call.path["conversation_id"]
        stream = ids.stream_id(call.workspace, conversation)
        stood = await self._history.stood(stream, conversation, as_of, limit + 1 if limit else 0)
        if stood is None or (stood.state.deleted_at is not None and not asked.include_deleted):
            raise ConversationNotFound
        resource = res.encode(res.conversation(conversation, stood.state))
        body = self._body(call, resource, limit, stood.sequences, stood.messages)
        return Answer(body, 200, headers_of(rows.freshness, stood.state.version))

    def _body(
        self,
        call: Call[GetConversation, None],
        resource: bytes,
        limit: int,
        sequences: list[int],
        messages: list[bytes],
        *,
        are_cut: bool = False,
    ) -> bytes:
        """`messages` may be one more than `limit`, or cut: then there are more."""
        if not limit:
            return data(resource)
        more = are_cut or len(messages) > limit
        shown = messages[-limit:]
        place = sequences[-len(shown)] if more else None
        cursor = self._reads.cursor(call, NEWEST_FIRST, place) if more else None
        return data(
            b'%s,"messages":[%s],"has_more_messages":%s,"messages_cursor":%s}'
            % (
                resource[:-1],
                b",".join(shown),
                res.encode(more),
                res.encode(cursor),
            )
        )


def list_filter(asked: ConversationFilters, sort_by: SortBy = "last_message_at") -> ListFilter:
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
        sort_by=sort_by,
        order=asked.order,
    )
