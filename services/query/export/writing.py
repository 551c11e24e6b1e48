"""What an export is made of, and its formats for machines, written piece by piece: JSON, JSON lines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from domain import resources as res

FORMAT = "verbatim.export.v1"
"""How an export says that it is to be read."""

Format = Literal["json", "jsonl", "markdown"]
Kind = Literal["conversation", "user", "workspace"]
Part = Literal["messages", "summaries", "events"]

SINGULAR: dict[Part, str] = {"messages": "message", "summaries": "summary", "events": "event"}


class Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an export says of itself, first."""

    format: str
    """`verbatim.export.v1`: how to read the rest."""
    workspace: str
    exported_at: datetime
    log_position: int
    """All of it stands as of this position of the log."""
    conversation_id: str | None = None
    user_id: str | None = None


class Counts(msgspec.Struct):
    """What was exported, last: an export without it is not whole."""

    conversations: int = 0
    messages: int = 0
    summaries: int = 0
    events: int = 0


class Writer(Protocol):
    """Makes the bytes of an export; called in order: head, conversations with their parts, counts."""

    media_type: str
    suffix: str

    def begin(self, head: Head) -> bytes: ...

    def open(self, conversation: bytes) -> bytes: ...

    def part(self, name: Part) -> bytes:
        """A part of the open conversation begins."""
        ...

    def items(self, items: Sequence[bytes]) -> bytes:
        """Of the part that began last, as JSON."""
        ...

    def close(self) -> bytes:
        """The open conversation ends."""
        ...

    def end(self, counts: Counts) -> bytes: ...


class JsonWriter:
    """One object: `export`, `data` (a conversation with its parts, or a list of them), `counts`."""

    media_type, suffix = "application/json", "json"

    def __init__(self, *, single: bool) -> None:
        self._single = single
        self._conversations = self._items = 0

    def begin(self, head: Head) -> bytes:
        return b'{"export":%s,"data":%s' % (res.encode(head), b"" if self._single else b"[")

    def open(self, conversation: bytes) -> bytes:
        self._conversations += 1
        self._items = -1
        return (b"" if self._conversations == 1 else b",\n") + conversation[:-1]

    def part(self, name: Part) -> bytes:
        before = b"" if self._items < 0 else b"]"
        self._items = 0
        return b'%s,"%s":[' % (before, name.encode())

    def items(self, items: Sequence[bytes]) -> bytes:
        before = b",\n" if self._items and items else b""
        self._items += len(items)
        return before + b",\n".join(items)

    def close(self) -> bytes:
        return b"}" if self._items < 0 else b"]}"

    def end(self, counts: Counts) -> bytes:
        return b'%s,"counts":%s}\n' % (b"" if self._single else b"]", res.encode(counts))


class JsonLinesWriter:
    """A line a thing, each an object of one member that says what it is. Parts follow on their conversation."""

    media_type, suffix = "application/x-ndjson", "jsonl"

    def __init__(self) -> None:
        self._begin = b""

    def begin(self, head: Head) -> bytes:
        return _line(b"export", res.encode(head))

    def open(self, conversation: bytes) -> bytes:
        return _line(b"conversation", conversation)

    def part(self, name: Part) -> bytes:
        self._begin = b'{"%s":' % SINGULAR[name].encode()
        return b""

    def items(self, items: Sequence[bytes]) -> bytes:
        return b"".join([b"%s%s}\n" % (self._begin, item) for item in items])

    def close(self) -> bytes:
        return b""

    def end(self, counts: Counts) -> bytes:
        return _line(b"counts", res.encode(counts))


def _line(name: bytes, value: bytes) -> bytes:
    return b'{"%s":%s}\n' % (name, value)
