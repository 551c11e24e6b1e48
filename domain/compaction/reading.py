"""A message as the built-in summariser reads it: one text, and the units that it may pick.

Prose is read in sentences and lines; JSON (results, arguments) in flattened lines; a tool call as a line of its
own. Spans of pieces count characters of this text.
"""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from domain.compaction.entries import Entry
from domain.compaction.flatten import flattened, parsed
from domain.compaction.sentences import Span, sentences

Kind = Literal["prose", "record", "output", "call"]
"""What is said, a line of JSON, a line of a tool's other output, a call."""

MOST_TEXT = 2_000_000
"""Characters of one message that are read; what is beyond can only leave."""


class Unit(msgspec.Struct, frozen=True, gc=False):
    kind: Kind
    start: int
    end: int
    text: str


class Reading(msgspec.Struct, frozen=True):
    text: str
    units: list[Unit]


def reading(entry: Entry) -> Reading:
    parts: list[str] = []
    units: list[Unit] = []
    at = 0
    for kind, text in _parts(entry):
        parts.append(text)
        for start, end in _spans(kind, text):
            units.append(Unit(kind, at + start, at + end, text[start:end]))
        at += len(text) + 1
    return Reading("\n".join(parts), units)


def _parts(entry: Entry) -> Iterator[tuple[Kind, str]]:
    for text in _texts(entry.decoded_content()):
        value = parsed(text)
        if value is not None:
            for line in flattened(value):
                yield "record", line
        else:
            yield "output" if entry.role == "tool" else "prose", text[:MOST_TEXT]
    for call in entry.decoded_calls():
        yield "call", _call(call)


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
        return
    for part in content or ():
        match part:
            case {"type": "text", "text": str(text)} | {"type": "refusal", "refusal": str(text)}:
                yield text
            case _:
                pass  # no words in it


def _call(call: Any) -> str:
    match call:
        case {"function": {"name": str(name), "arguments": str(given)}}:
            value = parsed(given)
            lines = flattened(value) if value is not None else [" ".join(given.split())]
            return f"{name}: {', '.join(lines)}" if lines else name
        case {"custom": {"name": str(name), "input": str(given)}}:
            return f"{name}: {' '.join(given.split())}"
        case _:
            return ", ".join(flattened(call)) if isinstance(call, dict) else ""


def _spans(kind: Kind, text: str) -> list[Span]:
    if kind in ("prose", "output"):
        return sentences(text)
    return sentences(text) if len(text) > 400 else [(0, len(text))] if text.strip() else []
