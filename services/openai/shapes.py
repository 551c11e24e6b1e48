"""OpenAI's wire shapes: bare objects, times in Unix seconds."""

from typing import Any, Literal

import msgspec

from domain.events import MessageAppended
from domain.items import Shown, ids_of, items_of
from domain.state import ConversationState
from services.command.answers import position_header
from services.http.endpoint import Answer, Headers

_encode = msgspec.json.Encoder().encode
_shown = msgspec.json.Decoder(Shown).decode


class ConversationObject(msgspec.Struct):
    id: str
    object: Literal["conversation"]
    created_at: int
    metadata: dict[str, str]


class DeletedObject(msgspec.Struct):
    id: str
    object: Literal["conversation.deleted"]
    deleted: bool


class ItemObject(msgspec.Struct):
    """An item of any kind; a message has `role`, `content` and `status`, other kinds their own fields."""

    id: str
    type: str


class ItemList(msgspec.Struct):
    object: Literal["list"]
    data: list[dict[str, Any]]
    first_id: str | None
    last_id: str | None
    has_more: bool


def conversation_json(conversation: str, state: ConversationState) -> bytes:
    seconds = int(state.created_at.timestamp())
    metadata = dict(sorted(state.metadata.items()))
    return _encode(ConversationObject(conversation, "conversation", seconds, metadata))


def conversation_answer(conversation: str, state: ConversationState, position: int) -> Answer:
    body = conversation_json(conversation, state)
    return Answer(body, 200, write_headers(state.version, position))


def deleted_answer(conversation: str, version: int, position: int) -> Answer:
    body = _encode(DeletedObject(conversation, "conversation.deleted", deleted=True))
    return Answer(body, 200, write_headers(version, position))


def items_json(items: list[bytes], *, has_more: bool) -> bytes:
    names = ids_of([items[0], items[-1]]) if items else [None, None]
    return b'{"object":"list","data":[%s],"first_id":%s,"last_id":%s,"has_more":%s}' % (
        b",".join(items),
        *map(_encode, (*names, has_more)),
    )


def items_of_stored(message: bytes) -> list[bytes]:
    """From a message's ready JSON."""
    return items_of(_shown(message))


def items_of_event(event: MessageAppended) -> list[bytes]:
    return items_of(
        Shown(
            id=event.message_id,
            role=event.role,
            content=event.content,
            tool_calls=event.tool_calls,
            tool_call_id=event.tool_call_id,
            extra=event.extra,
            kind=event.kind,
            incomplete=event.incomplete,
        )
    )


def write_headers(version: int, position: int) -> Headers:
    return [(b"etag", b'"%d"' % version), position_header(position)]
