"""A line of an import file to the requests it becomes: always the same ids, always the same parts."""

from hashlib import sha256
from typing import Any

import msgspec

from domain.ids import IDENTIFIER

PART_MESSAGES = 100
PART_BYTES = 900_000
"""A part stays below the service's limits of messages and bytes; where it is cut depends on the line only."""

_FIELDS = ("role", "content", "tool_calls", "tool_call_id", "name")
_OURS = (
    *("model", "finish_reason", "input_tokens", "output_tokens", "cost_cents", "metadata"),
    *("created_at", "extra"),
)


class BadLine(Exception):  # noqa: N818 - names the finding
    """The line cannot be imported; the message says why."""


class ImportLine(msgspec.Struct, frozen=True):
    """A conversation to create, and its messages in the parts in which they are sent."""

    conversation_id: str
    fields: dict[str, msgspec.Raw]
    """Of the conversation itself."""
    parts: list[list[dict[str, msgspec.Raw]]]

    @property
    def first_message_id(self) -> msgspec.Raw | None:
        return self.parts[0][0]["id"] if self.parts else None


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    messages: list[dict[str, msgspec.Raw]]
    id: str | None = None
    title: msgspec.Raw | None = None
    user_id: msgspec.Raw | None = None
    assistant_id: msgspec.Raw | None = None
    metadata: msgspec.Raw | None = None
    source: msgspec.Raw | None = None
    created_at: msgspec.Raw | None = None


def parse(text: bytes) -> ImportLine:
    """Raises BadLine."""
    try:
        line = msgspec.json.decode(text, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadLine(str(error)) from None
    conversation_id = _conversation_id(line, text)
    messages = [
        _message(message, conversation_id, index) for index, message in enumerate(line.messages)
    ]
    names = ("title", "user_id", "assistant_id", "metadata", "source", "created_at")
    fields = {name: getattr(line, name) for name in names if getattr(line, name) is not None}
    return ImportLine(conversation_id, fields, _parts(messages))


def _conversation_id(line: _Line, text: bytes) -> str:
    """The line's own id, or one made from it, or from the line's content."""
    if line.id is None:
        return f"conv_{sha256(text.strip()).hexdigest()[:32]}"
    if IDENTIFIER.fullmatch(line.id):
        return line.id
    return f"conv_{sha256(line.id.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _message(
    sent: dict[str, msgspec.Raw], conversation_id: str, index: int
) -> dict[str, msgspec.Raw]:
    """The message as the API takes it. What the API has no field for goes into `extra`, untouched."""
    message = {name: sent[name] for name in (*_FIELDS, *_OURS) if name in sent}
    own_id = sent.get("id")
    known = {*_FIELDS, *_OURS, "id"}
    rest: dict[str, Any] = {name: value for name, value in sent.items() if name not in known}
    if rest:
        if "extra" in message:
            rest["extra"] = message["extra"]
        message["extra"] = msgspec.Raw(msgspec.json.encode(rest))
    message["id"] = _message_id(own_id, message, conversation_id, index)
    return message


def _message_id(
    own_id: msgspec.Raw | None, message: dict[str, msgspec.Raw], conversation_id: str, index: int
) -> msgspec.Raw:
    if own_id is not None:
        try:
            text = msgspec.json.decode(own_id, type=str)
        except msgspec.DecodeError:
            text = ""
        if IDENTIFIER.fullmatch(text):
            return own_id
    seed = msgspec.json.encode([conversation_id, index, message])
    return msgspec.Raw(msgspec.json.encode(f"msg_{sha256(seed).hexdigest()[:32]}"))


def _parts(messages: list[dict[str, msgspec.Raw]]) -> list[list[dict[str, msgspec.Raw]]]:
    parts: list[list[dict[str, msgspec.Raw]]] = []
    size = 0
    for message in messages:
        length = len(msgspec.json.encode(message)) + 1
        if not parts or len(parts[-1]) == PART_MESSAGES or size + length > PART_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(message)
        size += length
    return parts
