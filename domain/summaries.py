"""What stands in a context for the messages that left it.

A summary is made of pieces, cut from messages word for word, or of passages that a model wrote, each
about a fixed range of messages; after a change of the summariser it may hold both. It is rolling: the
newest one stands for everything that was summarised so far.
"""

from typing import Literal

import msgspec

from domain.roles import Role

Trigger = Literal["manual", "automatic"]


class Range(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Messages from one sequence to another, both included."""

    first: int
    last: int


class Piece(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A part of a message, as it stands there."""

    sequence: int
    role: Role
    start: int
    end: int
    """A span, in characters, of the message's text as a summariser reads it (`domain/compaction/reading.py`)."""
    text: str
    score: float
    """Its value when it was picked: what the next summary goes by."""


class Passage(msgspec.Struct, frozen=True, gc=False):
    """What a model wrote about a range of messages, once."""

    first_sequence: int
    last_sequence: int
    text: str
    model: str


class Summarizer(msgspec.Struct, frozen=True):
    """Who summarised; `model` is None for the built-in one."""

    name: str
    version: str
    model: str | None = None
