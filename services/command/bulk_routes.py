"""One action on many conversations."""

from typing import Any

import msgspec

from domain import ids
from domain.codec import CodecError
from domain.commands import (
    Command,
    DeleteConversation,
    RestoreConversation,
    UpdateConversation,
)
from domain.refusals import ConversationNotFound, Refusal
from domain.resources import encode
from services.command.answers import position_header
from services.command.handle import Order, Replay
from services.command.handle_many import Many, ManyHandler
from services.command.once import Once, key_of
from services.command.orders import keyed_of, meta_of, refuse_if_match
from services.command.requests import BulkAction, BulkRequest
from services.http import examples
from services.http.endpoint import Answer, Call, Endpoint, data
from services.http.errors import from_refusal, unreadable
from services.http.minting import Minter

COMMANDS: dict[BulkAction, Command] = {
    "archive": UpdateConversation(archived=True),
    "unarchive": UpdateConversation(archived=False),
    "delete": DeleteConversation(),
    "restore": RestoreConversation(),
}


class BulkError(msgspec.Struct):
    id: str
    type: str
    message: str


class BulkResult(msgspec.Struct):
    """`updated` counts conversations that are now as asked, those that were before included."""

    action: BulkAction
    updated: int
    failed: int
    errors: list[BulkError]


class BulkAnswer(msgspec.Struct):
    data: BulkResult


class BulkRoutes:
    def __init__(self, handler: ManyHandler, once: Once, minter: Minter) -> None:
        self._handler = handler
        self._once = once
        self._minter = minter

    def endpoints(self) -> list[Endpoint]:
        path = "/v1/conversations/bulk"
        return [
            Endpoint(
                *("POST", path, "write", self.bulk, "Act on many conversations"),
                answer=BulkAnswer,
                body=BulkRequest,
                example_body=examples.BULK,
                example_answer=examples.BULK_ANSWER,
            )
        ]

    async def bulk(self, call: Call[Any, BulkRequest]) -> Answer:
        """Archive, unarchive, delete or restore up to 100 conversations.

        What can be done is done in one append; the others are listed with the reason. An id given twice counts once.
        """
        refuse_if_match(call)
        return await self._once.answer(call, key_of(call), lambda: self._bulk(call))

    async def _bulk(self, call: Call[Any, BulkRequest]) -> Answer:
        action = call.body.action
        names = list(dict.fromkeys(call.body.conversation_ids))
        meta = meta_of(call, self._minter)
        possible = [name for name in names if ids.IDENTIFIER.fullmatch(name) is not None]
        orders = [
            Order(ids.stream_id(call.workspace, name), COMMANDS[action], meta) for name in possible
        ]

        def result(many: Many) -> bytes:
            refused: dict[str, Refusal | CodecError] = {
                name: ConversationNotFound() for name in names if name not in possible
            } | {ids.split_stream(stream)[1]: why for stream, why in many.refused.items()}
            errors = [_error(name, refused[name]) for name in names if name in refused]
            return encode(BulkResult(action, len(names) - len(errors), len(errors), errors))

        def replay(many: Many) -> Replay:
            return Replay("bulk", answer=msgspec.Raw(result(many)))

        many = await self._handler.handle(meta.command_id, orders, keyed_of(call), replay)
        return Answer(data(result(many)), 200, [position_header(many.position)])


def _error(conversation: str, refusal: Refusal | CodecError) -> BulkError:
    error = from_refusal(refusal) if isinstance(refusal, Refusal) else unreadable()
    return BulkError(conversation, error.kind, error.message)
