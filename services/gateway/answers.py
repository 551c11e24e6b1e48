"""A model's answer, whole or put together from a stream, as a message to append."""

import json
from typing import Any

import msgspec
from msgspec.structs import replace

from domain.commands import NewMessage
from domain.events import NULL
from domain.resources import encode
from services.command.drafts import Drafter
from services.command.requests import MessageIn
from services.gateway.messages import fill, message_of
from services.gateway.models import Target, Usage
from services.gateway.refusals import unreadable_answer
from services.gateway.requests import Fields
from services.http.decode import CONTROL
from services.http.errors import ApiError
from services.http.json_text import check_text
from services.http.minting import Minter

COMPLETION = "completion"
"""The key in `extra` under which an answer keeps the service's own id of it and its usage."""

MOST_TOKENS = 1_000_000_000

_decode_fields = msgspec.json.Decoder(Fields).decode
_encode = msgspec.json.Encoder().encode


class Cached(msgspec.Struct):
    cached_tokens: int | None = None


class UsageIn(msgspec.Struct):
    """A service's figures."""

    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: Cached | None = None


_decode_usage = msgspec.json.Decoder(UsageIn).decode


class Choice(msgspec.Struct):
    message: Fields
    finish_reason: str | None = None


class Completion(msgspec.Struct):
    """An answer, as far as it matters to the conversation."""

    choices: list[Choice]
    id: str | None = None
    model: str | None = None
    usage: msgspec.Raw = msgspec.field(default_factory=lambda: NULL)


_decode_completion = msgspec.json.Decoder(Completion).decode


def completion_of(body: bytes) -> Completion:
    """Raises ApiError (502)."""
    try:
        completion = _decode_completion(mended(body))
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise unreadable_answer() from None
    if not completion.choices:
        raise unreadable_answer()
    return completion


def mended(body: bytes) -> bytes:
    """JSON that can be stored: halves of characters, which a service may cut apart, as U+FFFD.

    Raises ValueError for what is not JSON or nested too deep.
    """
    try:
        check_text(body)
    except ApiError:
        text = json.dumps(json.loads(body.decode("utf-8", "replace")), ensure_ascii=False)
        return whole_characters(text).encode()
    return body


def whole_characters(text: str) -> str:
    """Halves that belong together joined, lonely ones as U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Answers:
    """Makes messages of answers."""

    def __init__(self, drafter: Drafter, minter: Minter) -> None:
        self._drafter = drafter
        self._minter = minter

    async def message(
        self,
        completion: Completion,
        target: Target,
        message_id: str,
        prompt_tokens: int,
        incomplete: str | None = None,
    ) -> NewMessage:
        """`prompt_tokens` is what was sent, where the service does not say what it counted."""
        choice = completion.choices[0]
        model = _label(completion.model, 255) or _label(target.model, 255)
        draft = await self._draft(choice.message)
        usage = _usage(completion.usage) or Usage(prompt_tokens, draft.token_count)
        return replace(
            draft,
            message_id=message_id,
            model=model,
            finish_reason=_label(choice.finish_reason, 64),
            extra=_with_completion(draft.extra, completion),
            incomplete=incomplete,
            input_tokens=usage.prompt,
            output_tokens=usage.completion,
            cost_cents=target.cost(usage),
        )

    async def _draft(self, fields: Fields) -> NewMessage:
        """The message as it came; of one that is unlike any message, all that came in `extra`."""
        now = self._minter.now()
        try:
            message = message_of(fields | {"role": msgspec.Raw(b'"assistant"')}, "message")
            fill(message)
            (draft,) = await self._drafter.drafts([message], now)
        except ApiError:
            (draft,) = await self._drafter.drafts([_odd(fields)], now)
        return draft.message


def _odd(fields: Fields) -> MessageIn:
    content = fields.get("content", NULL)
    text = content if bytes(content).startswith(b'"') else msgspec.Raw(b'""')
    return MessageIn("assistant", text, extra=msgspec.Raw(_encode({"message": fields})))


def _usage(raw: msgspec.Raw) -> Usage | None:
    """None where there is none that can be."""
    try:
        found = _decode_usage(raw)
    except msgspec.ValidationError:
        return None
    if not all(0 <= n <= MOST_TOKENS for n in (found.prompt_tokens, found.completion_tokens)):
        return None
    details = found.prompt_tokens_details
    cached = (details.cached_tokens or 0) if details is not None else 0
    return Usage(
        found.prompt_tokens, found.completion_tokens, min(max(cached, 0), found.prompt_tokens)
    )


def _with_completion(extra: msgspec.Raw, completion: Completion) -> msgspec.Raw:
    told: dict[str, Any] = {"id": completion.id, "usage": completion.usage}
    fields: Fields = {} if extra == NULL else _decode_fields(extra)
    fields[COMPLETION] = msgspec.Raw(
        encode({k: v for k, v in told.items() if v not in (None, NULL)})
    )
    return msgspec.Raw(_encode(fields))


def _label(text: str | None, most: int) -> str | None:
    """A name of the service's own, fit to be a field of ours."""
    return CONTROL.sub("?", text)[:most] or None if text is not None else None
