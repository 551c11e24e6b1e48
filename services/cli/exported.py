"""Exports as input of an import: the conversations of a `verbatim.export.v1`, from JSON or JSON lines."""

import asyncio
from collections import deque

import msgspec

from services.cli.lines import BadLine, ImportLine, Message, parse, usable_conversation_id
from services.cli.lone_results import with_calls
from services.cli.numbered import NumberedLines
from services.http.names import may_name_message
from services.query.export.writing import FORMAT

BEGIN = b'{"export":'
_FIELDS = ("title", "user_id", "assistant_id", "metadata", "source", "created_at", "compaction")
_MESSAGE = (
    *(
        "id",
        "role",
        "content",
        "tool_calls",
        "tool_call_id",
        "name",
        "model",
        "finish_reason",
        "extra",
    ),
    *("input_tokens", "output_tokens", "cost_cents", "metadata", "created_at"),
)
_NO_FIELD_FOR = ("kind", "incomplete")
"""What the API does not take goes into `extra`."""
_NULL = msgspec.Raw(b"null")


class _Head(msgspec.Struct):
    format: str


class _HeadLine(msgspec.Struct, forbid_unknown_fields=True):
    export: _Head


class _Document(msgspec.Struct):
    export: _Head
    data: msgspec.Raw
    counts: msgspec.Raw


class Conversations:
    """The conversations of an input, whichever form it has; each goes to one of those who ask."""

    def __init__(self, lines: NumberedLines) -> None:
        self._lines = lines
        self._reading = asyncio.Lock()
        self._ready: deque[tuple[int, bytes]] = deque()
        self._begun = self._is_export = self._ended = False

    async def next(self) -> tuple[int, ImportLine | BadLine] | None:
        """With the number of its line; None at the end."""
        async with self._reading:
            if not self._begun:
                self._begun = True
                await self._begin()
            while (taken := await self._take()) is not None:
                number, text = taken
                if not text.strip():
                    continue
                try:
                    return number, await self._conversation(text) if self._is_export else parse(
                        text
                    )
                except BadLine as error:
                    return number, error
                except _End:
                    self._ended = True
            if self._is_export and not self._ended:
                self._ended = True
                return 0, BadLine("the export is cut off: its end, `counts`, is missing")
            return None

    async def _take(self) -> tuple[int, bytes] | None:
        return self._ready.popleft() if self._ready else await self._lines.next()

    async def _begin(self) -> None:
        """See what kind of input it is."""
        taken = await self._lines.next()
        if taken is None:
            return
        self._ready.append(taken)
        if not taken[1].startswith(BEGIN):
            return
        self._is_export = True
        try:
            head = msgspec.json.decode(taken[1], type=_HeadLine).export
            self._ready.clear()
        except (msgspec.DecodeError, UnicodeDecodeError):
            head = await self._read_document(taken[1])
        if head is not None and head.format != FORMAT:
            self._refuse(f"an export of the format {head.format} cannot be read; {FORMAT} can")

    async def _read_document(self, first: bytes) -> _Head | None:
        """All of it: a JSON document has no lines to go by."""
        text = [first]
        while (taken := await self._lines.next()) is not None:
            text.append(taken[1])
        try:
            document = msgspec.json.decode(b"".join(text), type=_Document)
            given = bytes(document.data)
            many = given.startswith(b"[")
            data = msgspec.json.decode(given, type=list[msgspec.Raw]) if many else [document.data]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._refuse(f"the export is cut off or was changed: {error}")
            return None
        self._ready = deque((1, b'{"whole":%s}' % one) for one in data)
        self._ready.append((1, b'{"counts":null}'))
        return document.export

    def _refuse(self, reason: str) -> None:
        self._ready = deque([(1, msgspec.json.encode({"refused": reason}))])
        self._ready.append((1, b'{"counts":null}'))

    async def _conversation(self, text: bytes) -> ImportLine:
        """The conversation that begins with this line. Raises BadLine, _End."""
        name, value = _member(text)
        if name == "counts":
            raise _End
        if name == "refused":
            raise BadLine(msgspec.json.decode(value, type=str))
        if name not in ("conversation", "whole"):
            raise BadLine(f"a line of an export begins a conversation, not a {name}")
        found = _decoded(value)
        if name == "whole":
            return import_line(found, msgspec.json.decode(found["messages"], type=list[Message]))
        messages: list[Message] = []
        while (taken := await self._take()) is not None:
            kind, value = _member(taken[1])
            if kind in ("conversation", "counts"):
                self._ready.appendleft(taken)
                return import_line(found, messages)
            if kind == "message":
                messages.append(_decoded(value))
        return import_line(found, messages)


class _End(Exception):  # noqa: N818 - no error
    """The export says that it is whole."""


def _member(text: bytes) -> tuple[str, msgspec.Raw]:
    """The one member of a line's object. Raises BadLine."""
    found = _decoded(text)
    if len(found) != 1:
        raise BadLine("a line of an export is an object of one member")
    return next(iter(found.items()))


def _decoded(text: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadLine(str(error)) from None


def import_line(conversation: dict[str, msgspec.Raw], messages: list[Message]) -> ImportLine:
    """Raises BadLine for what is no exported conversation."""
    try:
        whole, retracted = with_calls([_message(message) for message in messages])
        fields = {name: conversation[name] for name in _FIELDS if conversation[name] != _NULL}
        return ImportLine(
            conversation_id=usable_conversation_id(
                msgspec.json.decode(conversation["id"], type=str)
            ),
            fields=fields,
            messages=whole,
            has_own_ids=True,
            pinned=[
                _message_id(message)
                for message in messages
                if message["is_pinned"] == msgspec.Raw(b"true")
            ],
            status=msgspec.json.decode(conversation["status"], type=str),
            retracted=retracted,
        )
    except KeyError as error:
        raise BadLine(f"the exported conversation lacks {error}") from None


def _message_id(message: Message) -> str:
    """Its own; one that may name no message any more is changed, the same way each time."""
    own = msgspec.json.decode(message["id"], type=str)
    return own if may_name_message(own) else f"msg_{own}"


def _message(sent: Message) -> Message:
    message = {name: sent[name] for name in _MESSAGE if sent[name] != _NULL}
    message["id"] = msgspec.Raw(msgspec.json.encode(_message_id(sent)))
    rest = {name: sent[name] for name in _NO_FIELD_FOR if name in sent}
    if rest:
        extra = _decoded(message["extra"]) if "extra" in message else {}
        message["extra"] = msgspec.Raw(msgspec.json.encode(extra | rest))
    return message
