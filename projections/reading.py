"""What a read of the read models gives: rows, and what they say about how far they are."""

from typing import Any

import msgspec

from domain.resources import with_flags


class Freshness(msgspec.Struct, frozen=True):
    """Of one snapshot. `pending` is the last event behind the checkpoint that concerns the question."""

    checkpoint: int
    pending: int | None
    head: int
    parked: bool = False


class ConversationRows(msgspec.Struct, frozen=True):
    """One conversation; `resource` is None where the read models know none."""

    freshness: Freshness
    status: str | None
    version: int | None
    resource: bytes | None
    sequences: list[int]
    messages: list[bytes]
    """As answered, in the order asked for."""


class ListRows(msgspec.Struct, frozen=True):
    """Resources in order, and the place of each for a cursor."""

    freshness: Freshness
    resources: list[bytes]
    places: list[tuple[Any, str]]


def conversation_rows(row: tuple[Any, ...]) -> ConversationRows:
    """From a row of `read_conversation` or `read_messages`."""
    checkpoint, last_event, head, parked, status, version, resource, sequences, pinned, messages = (
        row
    )
    checkpoint = checkpoint or 0  # no projector has run yet
    pending = last_event if last_event is not None and last_event > checkpoint else None
    flagged = zip(messages or (), pinned or (), strict=True)
    return ConversationRows(
        Freshness(checkpoint, pending, head, parked),
        status,
        version,
        resource,
        sequences or [],
        [with_flags(message, is_pinned=pin, is_compacted=False) for message, pin in flagged],
    )
