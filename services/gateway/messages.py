"""Messages of chat completions as the log takes them, and as they are compared."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from domain.events import NULL
from services.command.requests import MessageIn
from services.gateway.requests import Fields
from services.http.decode import invalid

_fields = msgspec.json.Decoder(Fields).decode
_decode_message = msgspec.json.Decoder(MessageIn).decode
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode

KNOWN = ("role", "content", "tool_calls", "tool_call_id", "name")
INSTRUCTING = ("system", "developer")
LONGEST_TURN = 256
"""Messages of one that failed and is sent again: comparing takes their number squared."""


def message_in(raw: bytes, path: str) -> MessageIn:
    """A message of a request. Raises ApiError (400) that names the place."""
    try:
        fields = _fields(raw)
    except msgspec.ValidationError as error:
        raise invalid(str(error), path) from None
    message = message_of(fields, path)
    # An answer may be all reasoning, a sound or an old `function_call`. What else has no content is refused where it is new.
    if message.role == "assistant" and message.extra != NULL:
        fill(message)
    return message


def fill(message: MessageIn) -> None:
    """One that says nothing gets an empty text."""
    if message.content == NULL and message.tool_calls == NULL:
        message.content = msgspec.Raw(b'""')


def message_of(fields: Fields, path: str) -> MessageIn:
    """What it holds beyond a message's fields becomes `extra`. Raises ApiError (400) that names the place."""
    there = {name: value for name, value in fields.items() if not _is_empty(value)}
    try:
        message = _decode_message(_encode({k: v for k, v in there.items() if k in KNOWN}))
    except msgspec.ValidationError as error:
        raise invalid(str(error), path, kind=MessageIn) from None
    more = {k: v for k, v in there.items() if k not in KNOWN}
    if message.content == NULL and "refusal" in more:
        part = b'[{"type":"refusal","refusal":%s}]' % bytes(more.pop("refusal"))
        message.content = msgspec.Raw(part)
    if more:
        message.extra = msgspec.Raw(_encode(more))
    return message


def _is_empty(value: msgspec.Raw) -> bool:
    """Clients write what a message does not have as null or as an empty array."""
    return value == NULL or (len(value) < 10 and b"".join(bytes(value).split()) == b"[]")


class Said(NamedTuple):
    """A message as far as it tells one from another: ways to write the same are one."""

    role: str
    content: Any
    tool_calls: bytes
    tool_call_id: str | None
    name: str | None = None
    """Who of several says it; an answer's says nothing."""

    @property
    def instructs(self) -> bool:
        return self.role in INSTRUCTING


def said(
    role: str, content: bytes, tool_calls: bytes, tool_call_id: str | None, name: str | None = None
) -> Said:
    """A text equals the array of that one text part, null an empty text."""
    own = None if role == "assistant" else name
    return Said(role, _content(content), _calls(tool_calls), tool_call_id, own)


def _content(raw: bytes) -> Any:
    match _value(raw):
        case None:
            return ""
        case str() as text:
            return text
        case [{"type": "text", "text": str(text)}]:
            return text
        case parts:
            return _encode_sorted(parts)


def _calls(raw: bytes) -> bytes:
    given: Any = _value(raw) or []
    calls: list[Any] = given if isinstance(given, list) else [given]  # pyright: ignore[reportUnknownVariableType]
    return _encode_sorted([_without_index(call) for call in calls])


def _value(raw: bytes) -> Any:
    """Where it holds a number that no float does, its text stands for it: such a message is refused where it is new."""
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:
        return [bytes(raw).decode()]


def _without_index(call: Any) -> Any:
    """A client that put a call together from a stream may have left its place in it."""
    return {k: v for k, v in call.items() if k != "index"} if isinstance(call, dict) else call  # pyright: ignore[reportUnknownVariableType]


def new_ones(sent: list[Said], stored: Iterable[Said]) -> list[int]:
    """Which of the messages sent are new to a conversation, as indices.

    Instructions apart: where those sent begin with the whole conversation, the rest is new; else what follows the
    last answer among them, without what the conversation ends with already, unanswered: that is a turn that failed and
    is sent again. Answers at the very end belong to what is new: they are there to be continued. An instruction is
    new where the conversation holds none like it.
    """
    before = list(stored)
    spoken = [index for index, message in enumerate(sent) if not message.instructs]
    known = [message for message in before if not message.instructs]
    if [sent[index] for index in spoken[: len(known)]] == known:
        fresh = spoken[len(known) :]
    else:
        fresh = _after_last_answer(sent, spoken)
        fresh = fresh[_unanswered(known, [sent[index] for index in fresh]) :]
    instructions = {message for message in before if message.instructs}
    for index, message in enumerate(sent):
        if message.instructs and message not in instructions:
            instructions.add(message)
            fresh.append(index)
    return sorted(fresh)


def _unanswered(known: list[Said], fresh: list[Said]) -> int:
    """With how many of the first of these, as many as can be, the conversation ends."""
    for length in range(min(len(known), len(fresh), LONGEST_TURN), 0, -1):
        ending = known[-length:]
        if ending == fresh[:length] and all(message.role != "assistant" for message in ending):
            return length
    return 0


def _after_last_answer(sent: list[Said], spoken: list[int]) -> list[int]:
    end = len(spoken)
    while end and sent[spoken[end - 1]].role == "assistant":
        end -= 1
    start = end
    while start and sent[spoken[start - 1]].role != "assistant":
        start -= 1
    return spoken[start:]
