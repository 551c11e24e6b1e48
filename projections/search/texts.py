"""What of a message is searched: the words it shows, its tool calls and their arguments, and its author's name."""

from typing import Any

import msgspec

from domain.events import MessageAppended, Role

_decode = msgspec.json.Decoder().decode


class Shown(msgspec.Struct, frozen=True):
    """A stored message, as far as its text goes; the read model `messages` holds it."""

    id: str
    sequence: int
    role: Role
    content: Any
    tool_calls: Any


def text_of(content: Any, tool_calls: Any) -> str:
    """As decoded from JSON: a string, an array of parts, or None; an array of calls, or None."""
    parts = [content] if isinstance(content, str) else [_part(part) for part in content or ()]
    return "\n".join(filter(None, [*parts, *(_call(call) for call in tool_calls or ())]))


def text_of_event(event: MessageAppended) -> str:
    return text_of(_decode(event.content), _decode(event.tool_calls))


def _part(part: Any) -> str:
    """Pictures and sounds have no words; a kind that nobody knows may have a text."""
    match part:
        case {"type": "refusal", "refusal": str(text)} | {"text": str(text)}:
            return text
        case {"type": "file", "file": {"filename": str(name)}}:
            return name
        case _:
            return ""


def _call(call: Any) -> str:
    match call:
        case {"function": {"name": str(name), "arguments": str(arguments)}}:
            return f"{name} {arguments}"
        case {"custom": {"name": str(name), "input": str(text)}}:
            return f"{name} {text}"
        case _:
            return ""
