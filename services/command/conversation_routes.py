"""Writes to a conversation: create, update, delete, restore."""

from typing import Any

import msgspec

from domain import ids
from domain.commands import (
    DeleteConversation,
    PolicyPatch,
    RestoreConversation,
    StartConversation,
    UpdateConversation,
)
from domain.policy import CompactionPolicy
from services.command.answers import (
    ConversationAnswer,
    DeletedAnswer,
    conversation_answer,
    deleted_answer,
)
from services.command.drafts import Drafter, check_pairs, check_plain, to_utc
from services.command.handle import Handler
from services.command.once import Once, key_of
from services.command.orders import carried_out, order_of, refuse_if_match
from services.command.requests import CreateConversation, PatchConversation, Policy
from services.http import examples
from services.http.endpoint import Answer, Call, Endpoint
from services.http.minting import Minter
from services.http.names import check_conversation_id


class ConversationRoutes:
    def __init__(
        self,
        handler: Handler,
        once: Once,
        drafter: Drafter,
        minter: Minter,
        default_policy: CompactionPolicy,
    ) -> None:
        self._handler = handler
        self._once = once
        self._drafter = drafter
        self._minter = minter
        self._default_policy = default_policy

    def endpoints(self) -> list[Endpoint]:
        all_of_them = "/v1/conversations"
        one = f"{all_of_them}/{{conversation_id:str}}"
        return [
            Endpoint(
                *("POST", all_of_them, "write", self.create, "Create a conversation"),
                answer=ConversationAnswer,
                status=201,
                body=CreateConversation,
                example_body=examples.NEW_CONVERSATION,
                example_answer=examples.CONVERSATION_ANSWER,
            ),
            Endpoint(
                *("PATCH", one, "write", self.update, "Update a conversation"),
                answer=ConversationAnswer,
                body=PatchConversation,
                example_body=examples.PATCH,
                example_answer=examples.CONVERSATION_ANSWER,
            ),
            Endpoint(
                *("DELETE", one, "write", self.delete, "Delete a conversation"),
                answer=DeletedAnswer,
                example_answer=examples.DELETED,
            ),
            Endpoint(
                *("POST", f"{one}/restore", "write", self.restore, "Restore a conversation"),
                answer=ConversationAnswer,
                example_answer=examples.CONVERSATION_ANSWER,
            ),
        ]

    async def create(self, call: Call[Any, CreateConversation]) -> Answer:
        """Create a conversation, with up to 100 messages."""
        refuse_if_match(call)
        conversation = call.body.id or ids.conversation_id(self._minter.hex_id())
        return await self._once.answer(call, key_of(call), lambda: self._create(call, conversation))

    async def update(self, call: Call[Any, PatchConversation]) -> Answer:
        """Change some fields. What is left out stays; null clears title, assistant and user; a null in `metadata` removes that key."""
        return await self._once.answer(call, key_of(call), lambda: self._update(call))

    async def delete(self, call: Call[Any, None]) -> Answer:
        """Delete a conversation. It can be restored: the log keeps everything. A second delete answers the same."""
        return await self._once.answer(call, key_of(call), lambda: self._delete(call))

    async def restore(self, call: Call[Any, None]) -> Answer:
        """Restore a deleted conversation as it stood. One that is not deleted stays as it is."""
        return await self._once.answer(call, key_of(call), lambda: self._restore(call))

    async def _create(self, call: Call[Any, CreateConversation], conversation: str) -> Answer:
        body = call.body
        now = self._minter.now()
        check_conversation_id(body.id, "id")
        for name in ("assistant_id", "user_id", "title"):
            check_plain(getattr(body, name), name)
        check_pairs(body.metadata, "metadata")
        drafts = await self._drafter.drafts(body.messages, now)
        command = StartConversation(
            source=body.source,
            compaction=msgspec.structs.replace(self._default_policy, **given(body.compaction)),
            created_at=to_utc(body.created_at, "created_at") or now,
            assistant_id=body.assistant_id,
            user_id=body.user_id,
            title=body.title,
            metadata=body.metadata,
            messages=tuple(draft.message for draft in drafts),
        )
        order = order_of(call, self._minter, conversation, command, "created")
        outcome = await self._handler.handle(order)
        return conversation_answer(conversation, outcome.state, outcome.position, 201)

    async def _update(self, call: Call[Any, PatchConversation]) -> Answer:
        body = call.body
        for name in ("assistant_id", "user_id", "title"):
            text = getattr(body, name)
            check_plain(text if isinstance(text, str) else None, name)
        if isinstance(body.metadata, dict):
            check_pairs(body.metadata, "metadata")
        unset = msgspec.UNSET
        command = UpdateConversation(
            title=body.title,
            archived=unset if body.status is unset else body.status == "archived",
            metadata=body.metadata,
            assistant_id=body.assistant_id,
            user_id=body.user_id,
            compaction=PolicyPatch(**given(body.compaction)) if body.compaction else unset,
        )
        conversation, outcome = await carried_out(
            self._handler, self._minter, call, command, "conversation"
        )
        return conversation_answer(conversation, outcome.state, outcome.position)

    async def _delete(self, call: Call[Any, None]) -> Answer:
        conversation, outcome = await carried_out(
            self._handler, self._minter, call, DeleteConversation(), "deleted"
        )
        return deleted_answer(conversation, outcome.state.version, outcome.position)

    async def _restore(self, call: Call[Any, None]) -> Answer:
        conversation, outcome = await carried_out(
            self._handler, self._minter, call, RestoreConversation(), "conversation"
        )
        return conversation_answer(conversation, outcome.state, outcome.position)


def given(policy: Policy | msgspec.UnsetType | None) -> dict[str, Any]:
    """The fields that the caller gave."""
    if not isinstance(policy, Policy):
        return {}
    fields = msgspec.structs.asdict(policy)
    return {name: value for name, value in fields.items() if value is not msgspec.UNSET}
