"""Messages as sent, checked and counted: what becomes of them is the domain's to say."""

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from domain import ids
from domain.commands import NewMessage
from domain.events import NULL, MessageAppended
from domain.resources import plain
from domain.tokens import message_tokens
from services.command.requests import MessageIn
from services.http.decode import refuse_control
from services.http.errors import bad_request
from services.http.minting import Minter
from services.http.names import check_message_id
from services.http.tokenizer import Tokenizer

IN_LINE = 20_000
"""Bytes of content that are counted on the event loop; more than that is counted in a thread."""
_LABELS = ("id", "tool_call_id", "name", "model", "finish_reason")
MONEY = re.compile(rb"-?[0-9]{1,32}(?:\.[0-9]{1,32})?(?:[eE][+-]?[0-9]{1,3})?")
MOST_MONEY = Decimal(1_000_000_000)
MOST_DECIMALS = 12


_USAGE = ("input_tokens", "output_tokens", "cost_cents", "created_at")
"""What a caller may leave to us: it is counted or minted."""


class Draft(msgspec.Struct, frozen=True):
    """A message to append, and as it was sent."""

    message: NewMessage
    sent: MessageIn

    def is_same_as(self, stored: MessageAppended) -> bool:
        """Whether a stored message of this id is this one: minted and counted fields do not differ."""
        same = ("role", "content", "tool_calls", "tool_call_id", "name", "model", "finish_reason")
        given = [name for name in _USAGE if getattr(self.sent, name) not in (None, NULL)]
        names = (*same, "extra", "metadata", *given)
        return all(getattr(self.message, name) == getattr(stored, name) for name in names)


class Drafter:
    """Checks, counts and names messages."""

    def __init__(self, tokenizer: Tokenizer, minter: Minter) -> None:
        self._tokenizer = tokenizer
        self._minter = minter

    async def drafts(
        self, messages: list[MessageIn], now: datetime, path: str = "messages[{}]."
    ) -> list[Draft]:
        """In order. Raises ApiError (400) that names the first fault's place."""
        size = sum(len(bytes(m.content)) + len(bytes(m.tool_calls)) for m in messages)
        if size > IN_LINE:
            return await asyncio.to_thread(self._all, messages, now, path)
        return self._all(messages, now, path)

    def draft(self, sent: MessageIn, now: datetime) -> Draft | None:
        """Of one message, where no thread is needed for it. Raises ApiError (400)."""
        is_large = len(bytes(sent.content)) + len(bytes(sent.tool_calls)) > IN_LINE
        return None if is_large else self._draft(sent, now, "")

    def _all(self, messages: list[MessageIn], now: datetime, path: str) -> list[Draft]:
        return [self._draft(m, now, path.format(index)) for index, m in enumerate(messages)]

    def _draft(self, sent: MessageIn, now: datetime, path: str) -> Draft:
        for name in _LABELS:
            text = getattr(sent, name)
            if text is not None:
                refuse_control(text, f"{path}{name}")
        if sent.metadata:
            check_pairs(sent.metadata, f"{path}metadata")
        if sent.id is not None:
            check_message_id(sent.id, f"{path}id")
        calls = _tool_calls(sent, path)
        content, text = _content(sent, calls, path)
        if sent.role == "tool" and sent.tool_call_id is None:
            raise bad_request(
                "a tool message needs the id of the call it answers",
                "missing_field",
                f"{path}tool_call_id",
            )
        extra = _extra(sent, path)
        cost = _money(sent.cost_cents, f"{path}cost_cents")
        tokens = message_tokens(
            self._tokenizer.count, role=sent.role, content=text, tool_calls=calls, name=sent.name
        )
        counted_in, counted_out = (0, tokens) if sent.role == "assistant" else (tokens, 0)
        message = NewMessage(
            message_id=sent.id or ids.message_id(self._minter.hex_id()),
            role=sent.role,
            content=content,
            input_tokens=counted_in if sent.input_tokens is None else sent.input_tokens,
            output_tokens=counted_out if sent.output_tokens is None else sent.output_tokens,
            token_count=tokens,
            tokenizer=self._tokenizer.name,
            created_at=to_utc(sent.created_at, f"{path}created_at") or now,
            tool_calls=own(sent.tool_calls),
            tool_call_id=sent.tool_call_id,
            name=sent.name,
            model=sent.model,
            finish_reason=sent.finish_reason,
            extra=extra,
            cost_cents=cost,
            metadata=sent.metadata,
        )
        return Draft(message, sent)


_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def own(raw: msgspec.Raw) -> msgspec.Raw:
    """The value alone: a Raw from a body keeps the whole body alive."""
    return NULL if raw is NULL or raw == NULL else raw.copy()


def _decoded(raw: msgspec.Raw, param: str) -> Any:
    if raw is NULL or raw == NULL:
        return None
    try:
        return _decode(raw)
    except msgspec.DecodeError as error:
        raise bad_request(f"this is not valid JSON: {error}", "invalid_json", param) from None


def _content(sent: MessageIn, calls: Any, path: str) -> tuple[msgspec.Raw, Any]:
    """The content as stored and as counted. A string is stored in one spelling; parts as they came."""
    text = _decoded(sent.content, f"{path}content")
    match text:
        case str():
            return msgspec.Raw(_encode(text)), text
        case [_, *_]:
            for index, part in enumerate(text):
                _check_part(part, f"{path}content[{index}]")
            return own(sent.content), text
        case None if calls:
            return NULL, None
        case _:
            raise bad_request(
                "content is a string, an array of at least one part, or null with tool_calls",
                "invalid_value",
                f"{path}content",
            )


def _check_part(part: Any, path: str) -> None:
    match part:
        case {"type": "text", "text": str()} | {"type": "refusal", "refusal": str()}:
            return
        case {"type": "text" | "refusal" as kind}:
            raise bad_request(
                f"a {kind} part needs a string `{kind}`", "invalid_value", f"{path}.{kind}"
            )
        case {"type": str()}:
            return
        case _:
            raise bad_request("a part is an object with a string `type`", "invalid_value", path)


def _tool_calls(sent: MessageIn, path: str) -> Any:
    if sent.tool_calls is NULL:
        return None
    calls = _decoded(sent.tool_calls, f"{path}tool_calls")
    if calls is None:
        return None
    if sent.role != "assistant":
        raise bad_request(
            "only an assistant message has tool calls", "invalid_value", f"{path}tool_calls"
        )
    if not isinstance(calls, list) or not calls:
        raise bad_request(
            "tool_calls is an array of at least one call, or null",
            "invalid_value",
            f"{path}tool_calls",
        )
    for index, call in enumerate(calls):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        _check_call(call, f"{path}tool_calls[{index}]")
    return calls  # pyright: ignore[reportUnknownVariableType]


def _check_call(call: Any, path: str) -> None:
    """Of kinds we do not know only the id matters."""
    match call:
        case {"type": "function", "id": str(), "function": {"name": str(), "arguments": str()}}:
            pass
        case {"type": "function"}:
            raise bad_request(
                "a function call has an `id` and a `function` with strings `name` and `arguments`",
                "invalid_value",
                path,
            )
        case {"type": str(), "id": str()}:
            pass
        case {"type": str()} if "id" not in call:
            return
        case _:
            raise bad_request(
                "a tool call is an object with a string `type` and a string `id`",
                "invalid_value",
                path,
            )
    refuse_control(call["id"], f"{path}.id")


def _extra(sent: MessageIn, path: str) -> msgspec.Raw:
    if sent.extra is NULL:
        return NULL
    extra = _decoded(sent.extra, f"{path}extra")
    if extra is not None and not isinstance(extra, dict):
        raise bad_request("extra is an object, or null", "invalid_value", f"{path}extra")
    return own(sent.extra)


def _money(raw: msgspec.Raw, param: str) -> Decimal | None:
    """Any spelling of the number: many programs write small ones with an exponent."""
    if raw is NULL or raw == NULL:
        return None
    text = bytes(raw)
    cost = Decimal(text.decode()) if MONEY.fullmatch(text) else Decimal(-1)
    if not 0 <= cost <= MOST_MONEY or round(cost, MOST_DECIMALS) != cost:
        raise bad_request(
            "a cost is a number from 0 to 10^9, in cents, with at most 12 decimals; round it",
            "invalid_value",
            param,
        )
    return plain(abs(cost))


def check_plain(text: str | None, param: str) -> None:
    if text is not None:
        refuse_control(text, param)


def check_pairs(pairs: Mapping[str, str | None], param: str) -> None:
    for key, value in pairs.items():
        refuse_control(key, param)
        check_plain(value, f"{param}.{key}")


def to_utc(moment: datetime | None, param: str) -> datetime | None:
    if moment is None:
        return None
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise bad_request("this time is beyond the calendar", "invalid_value", param) from None
