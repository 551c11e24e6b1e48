"""From a call to what is handed to the handler: stream, metadata, If-Match, idempotency key."""

import re
from typing import Any

from domain import ids
from domain.commands import Command
from domain.envelope import Meta
from domain.refusals import ConversationNotFound, MessageNotFound
from services.command.handle import Handler, Keyed, Order, Outcome
from services.command.once import hash_of, key_of
from services.http.endpoint import Call
from services.http.errors import bad_request
from services.http.minting import Minter

ETAG = re.compile(rb'(?:W/)?"([0-9]{1,18})"|([0-9]{1,18})')


def conversation_of(call: Call[Any, Any]) -> str:
    """The path's conversation id. One that cannot be is one that does not exist."""
    conversation: str = call.path["conversation_id"]
    if ids.IDENTIFIER.fullmatch(conversation) is None:
        raise ConversationNotFound
    return conversation


def message_of(call: Call[Any, Any]) -> str:
    message: str = call.path["message_id"]
    if ids.IDENTIFIER.fullmatch(message) is None:
        raise MessageNotFound
    return message


def keyed_of(call: Call[Any, Any]) -> Keyed | None:
    """Raises ApiError (400) for a key that cannot be."""
    key = key_of(call)
    return None if key is None else Keyed(call.workspace, key, hash_of(call))


def meta_of(call: Call[Any, Any], minter: Minter) -> Meta:
    """A new command of the caller's."""
    return Meta(
        event_id="",
        occurred_at=minter.now(),
        command_id=minter.hex_id(),
        actor=call.principal.key_id,
        request_id=call.request_id,
    )


def order_of(
    call: Call[Any, Any],
    minter: Minter,
    conversation: str,
    command: Command,
    kind: str,
    *,
    message_id: str = "",
) -> Order:
    return Order(
        stream=ids.stream_id(call.workspace, conversation),
        command=command,
        meta=meta_of(call, minter),
        if_match=if_match_of(call),
        keyed=keyed_of(call),
        kind=kind,
        message_id=message_id,
    )


async def carried_out(
    handler: Handler, minter: Minter, call: Call[Any, Any], command: Command, kind: str
) -> tuple[str, Outcome]:
    """The path's conversation, and what the command did to it."""
    conversation = conversation_of(call)
    order = order_of(call, minter, conversation, command, kind)
    return conversation, await handler.handle(order)


def if_match_of(call: Call[Any, Any]) -> int | None:
    """The version asked for; None where any will do."""
    raw = call.headers.get(b"if-match")
    if raw is None or raw.strip() == b"*":
        return None
    found = ETAG.fullmatch(raw.strip())
    if found is None:
        raise bad_request(
            'If-Match takes the version that an ETag gave, such as "7"', "invalid_value", "If-Match"
        )
    return int(found[1] or found[2])


def refuse_if_match(call: Call[Any, Any]) -> None:
    """Raises ApiError (400) where there is no one conversation whose version could be meant."""
    if b"if-match" in call.headers:
        raise bad_request(
            "If-Match is for one conversation that exists; leave it out here",
            "invalid_value",
            "If-Match",
        )
