"""Conversations in OpenAI's shapes."""

from datetime import datetime
from typing import Any

import msgspec

from domain import ids
from domain.commands import DeleteConversation, StartConversation, UpdateConversation
from domain.policy import CompactionPolicy
from services.command.drafts import check_pairs
from services.command.handle import Handler, Outcome
from services.command.once import Once, key_of
from services.command.orders import carried_out, order_of
from services.http import examples
from services.http.endpoint import Answer, Call, Endpoint
from services.http.minting import Minter
from services.openai.drafts import ItemDrafter
from services.openai.replays import CONVERSATION, DELETED
from services.openai.requests import ChangedConversation, NewConversation
from services.openai.retries import Retries
from services.openai.shapes import (
    ConversationObject,
    DeletedObject,
    conversation_answer,
    deleted_answer,
)
from services.query.reads import Reads, existing, headers_of

ROOT = "/openai/v1/conversations"
TAG = "OpenAI's conversations"


class _Resource(msgspec.Struct):
    id: str
    created_at: datetime
    metadata: dict[str, str]


_decode = msgspec.json.Decoder(_Resource).decode
_encode = msgspec.json.Encoder().encode


class ConversationRoutes:
    def __init__(  # noqa: PLR0917 - what it is wired from
        self,
        handler: Handler,
        once: Once,
        retries: Retries,
        drafter: ItemDrafter,
        reads: Reads,
        minter: Minter,
        policy: CompactionPolicy,
    ) -> None:
        self._handler = handler
        self._once = once
        self._retries = retries
        self._drafter = drafter
        self._reads = reads
        self._minter = minter
        self._policy = policy

    def endpoints(self) -> list[Endpoint]:
        one = f"{ROOT}/{{conversation_id:str}}"
        return [
            Endpoint(
                *("POST", ROOT, "write", self.create, "Create a conversation, OpenAI's shape"),
                answer=ConversationObject,
                body=NewConversation,
                tag=TAG,
                example_body=examples.OPENAI_NEW_CONVERSATION,
                example_answer=examples.OPENAI_CONVERSATION,
            ),
            Endpoint(
                *("GET", one, "read", self.get, "Get a conversation, OpenAI's shape"),
                answer=ConversationObject,
                tag=TAG,
                example_answer=examples.OPENAI_CONVERSATION,
            ),
            Endpoint(
                *("POST", one, "write", self.update, "Set a conversation's metadata"),
                answer=ConversationObject,
                body=ChangedConversation,
                tag=TAG,
                example_body=examples.OPENAI_METADATA,
                example_answer=examples.OPENAI_CONVERSATION,
            ),
            Endpoint(
                *("DELETE", one, "write", self.delete, "Delete a conversation, OpenAI's shape"),
                answer=DeletedObject,
                tag=TAG,
                example_answer=examples.OPENAI_DELETED,
            ),
        ]

    async def create(self, call: Call[Any, NewConversation]) -> Answer:
        """Create a conversation, with up to 20 items; its id is made here."""
        return await self._retries.answer(call, lambda: self._create(call))

    async def update(self, call: Call[Any, ChangedConversation]) -> Answer:
        """Set the metadata: all there is to be, not a change of what there is."""
        metadata: dict[str, str | None] = {**(call.body.metadata or {})}
        check_pairs(metadata, "metadata")
        command = UpdateConversation(metadata=metadata, whole_metadata=True)

        async def do() -> Answer:
            conversation, outcome = await carried_out(
                self._handler, self._minter, call, command, CONVERSATION
            )
            return conversation_answer(conversation, outcome.state, outcome.position)

        return await self._once.answer(call, key_of(call), do)

    async def delete(self, call: Call[Any, None]) -> Answer:
        """Delete a conversation. It is the same soft deletion as ours: it can be restored there."""

        async def do() -> Answer:
            conversation, outcome = await carried_out(
                self._handler, self._minter, call, DeleteConversation(), DELETED
            )
            return deleted_answer(conversation, outcome.state.version, outcome.position)

        return await self._once.answer(call, key_of(call), do)

    async def get(self, call: Call[Any, None]) -> Answer:
        """Get a conversation; deleted ones are not found."""
        rows = await self._reads.conversation(call, 0)
        found = _decode(existing(rows))
        seconds = int(found.created_at.timestamp())
        body = _encode(ConversationObject(found.id, "conversation", seconds, found.metadata))
        return Answer(body, 200, headers_of(rows.freshness, rows.version))

    async def _create(self, call: Call[Any, NewConversation]) -> Answer:
        conversation = ids.conversation_id(self._minter.hex_id())
        now = self._minter.now()
        metadata = call.body.metadata or {}
        check_pairs(metadata, "metadata")

        async def start(messages: Any) -> Outcome:
            command = StartConversation(
                "api", self._policy, now, metadata=metadata, messages=messages
            )
            return await self._handler.handle(
                order_of(call, self._minter, conversation, command, CONVERSATION)
            )

        outcome = await self._drafter.append(call.body.items or [], now, start)
        return conversation_answer(conversation, outcome.state, outcome.position)
