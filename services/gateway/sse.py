"""Server-sent events as bytes: cut where they end, otherwise untouched."""

import re

from services.gateway.requests import with_conversation

_FIELD = re.compile(rb"(?:data|event|id|retry)?:|\s*$")
_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
LONGEST_END = 4
DONE = b"[DONE]"


class Splitter:
    """Makes whole events of pieces that are cut anywhere, within a character too."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that are whole by now, each with the empty line that ends it."""
        begun = max(0, len(self._rest) - LONGEST_END + 1)
        self._rest += piece
        events: list[bytes] = []
        start = 0
        for end in _END.finditer(self._rest, begun):
            events.append(bytes(self._rest[start : end.end()]))
            start = end.end()
        del self._rest[:start]
        return events

    @property
    def rest(self) -> bytes:
        """Of an event that was not ended."""
        return bytes(self._rest)


def data_of(event: bytes) -> bytes | None:
    """What the event carries; None for a comment. Raises ValueError for what is no event."""
    lines = event.splitlines()
    if not all(map(_FIELD.match, lines)):
        raise ValueError("this is no server-sent event")
    data = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
    return b"\n".join(data) if data else None


def named(event: bytes, data: bytes, conversation: str) -> bytes:
    """The event with the conversation's id in the object that it carries."""
    return event.replace(data, with_conversation(data, conversation), 1)


def event_of(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"
