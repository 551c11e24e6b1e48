"""A line of an import file to the requests it becomes: always the same ids, always the same parts."""

from hashlib import sha256
from typing import Any

import msgspec

from services.http.decode import invalid
from services.http.names import may_name_conversation, may_name_message

PART_MESSAGES = 100
PART_BYTES = 900_000
"""A part stays below the service's limits of messages and bytes; where it is cut depends on the line only."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_FIELDS = ("role", "content", "tool_calls", "tool_call_id", "name")
_OURS = (
    *("model", "finish_reason", "input_tokens", "output_tokens", "cost_cents", "metadata"),
    *("created_at", "extra"),
)


class BadLine(Exception):  # noqa: N818 - names the finding
    """The line cannot be imported; the message says why."""


Message = dict[str, msgspec.Raw]


class ImportLine(msgspec.Struct, frozen=True):
    """A conversation to create, and its messages."""

    conversation_id: str
    fields: dict[str, msgspec.Raw]
    """Of the conversation itself."""
    messages: list[Message]
    has_own_ids: bool
    """Whether some messages bring ids of their own, that tell nothing of their content."""
    pinned: list[str] = []
    """Ids of messages, of an export."""
    status: str = "active"
    """As an export says."""
    retracted: list[str] = []
    """Ids of messages that are appended only for others to be taken, and retracted in the end."""

    @property
    def first_part(self) -> int:
        """How many messages go with the conversation."""
        found = parts(self.messages)
        return len(found[0]) if found else 0

    def id_of(self, sequence: int) -> str:
        return msgspec.json.decode(self.messages[sequence - 1]["id"], type=str)


_ABSENT = msgspec.Raw(b"null")


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    messages: list[Message]
    id: str | None = None
    # A union with Raw would be decoded as its other member.
    title: msgspec.Raw = _ABSENT
    user_id: msgspec.Raw = _ABSENT
    assistant_id: msgspec.Raw = _ABSENT
    metadata: msgspec.Raw = _ABSENT
    source: msgspec.Raw = _ABSENT
    created_at: msgspec.Raw = _ABSENT


def parse(text: bytes) -> ImportLine:
    """Raises BadLine."""
    text = text.removeprefix(BYTE_ORDER_MARK).strip()
    try:
        line = msgspec.json.decode(text, type=_Line)
    except msgspec.ValidationError as error:
        told = invalid(str(error))
        raise BadLine(f"{told.message} (at {told.param})" if told.param else told.message) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadLine(f"this is not JSON: {error}") from None
    conversation_id = _conversation_id(line, text)
    messages = [
        _message(message, conversation_id, index) for index, message in enumerate(line.messages)
    ]
    names = ("title", "user_id", "assistant_id", "metadata", "source", "created_at")
    given = {name: getattr(line, name) for name in names}
    fields = {name: value for name, value in given.items() if value != _ABSENT}
    own = any("id" in message for message in line.messages)
    return ImportLine(conversation_id, fields, messages, own)


def _conversation_id(line: _Line, text: bytes) -> str:
    """The line's own id, or one made from it, or from the line's content."""
    if line.id is None:
        return f"conv_{sha256(text).hexdigest()[:32]}"
    return usable_conversation_id(line.id)


def usable_conversation_id(own: str) -> str:
    """Itself, or where it may name no conversation one made from it."""
    if may_name_conversation(own):
        return own
    return f"conv_{sha256(own.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _message(sent: Message, conversation_id: str, index: int) -> Message:
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
    own_id: msgspec.Raw | None, message: Message, conversation_id: str, index: int
) -> msgspec.Raw:
    if own_id is not None:
        try:
            text = msgspec.json.decode(own_id, type=str)
        except msgspec.DecodeError:
            text = ""
        if may_name_message(text):
            return own_id
    seed = msgspec.json.encode([conversation_id, index, message])
    return msgspec.Raw(msgspec.json.encode(f"msg_{sha256(seed).hexdigest()[:32]}"))


def parts(messages: list[Message]) -> list[list[Message]]:
    """As they are sent. From a cut on, the next cuts are the same: a part that is sent again is the same part."""
    found: list[list[Message]] = []
    size = 0
    for message in messages:
        length = len(msgspec.json.encode(message)) + 1
        if not found or len(found[-1]) == PART_MESSAGES or size + length > PART_BYTES:
            found.append([])
            size = 0
        found[-1].append(message)
        size += length
    return found
