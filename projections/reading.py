"""What a read of the read models gives: rows, and what they say about how far they are."""

from collections.abc import Callable
from itertools import compress
from typing import Any

import msgspec

from domain.compacted import Compacted
from domain.resources import with_flags, with_superseded

PAGE_BYTES = 16 << 20
"""A page of messages ends with the one that reaches them: two hundred of a megabyte each would be a gigabyte of this process."""


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
    are_cut: bool
    """Whether there are more than a page may hold."""


class SummaryRows(msgspec.Struct, frozen=True):
    """As ConversationRows: summaries as answered, and the version of each for a cursor."""

    freshness: Freshness
    status: str | None
    version: int | None
    resource: bytes | None
    versions: list[int]
    summaries: list[bytes]


class ListRows(msgspec.Struct, frozen=True):
    """Resources in order, and the place of each for a cursor."""

    freshness: Freshness
    resources: list[bytes]
    places: list[tuple[Any, str]]


def conversation_rows(row: tuple[Any, ...]) -> ConversationRows:
    """From a row of `read_conversation` or `read_messages`."""
    checkpoint, last_event, head, parked, status, version, resource, compacted = row[:8]
    sequences: list[int] = row[8] or []
    pinned: list[bool] = row[9] or []
    messages: list[bytes | None] = row[10] or []
    are_cut = None in messages
    if are_cut:  # at one end: which one is a matter of the order
        stay = [message is not None for message in messages]
        sequences, pinned = list(compress(sequences, stay)), list(compress(pinned, stay))
    kept = filter(None, messages)
    flagged = zip(kept, pinned, map(_left(compacted), sequences), strict=True)
    return ConversationRows(
        freshness_of(checkpoint, last_event, head, parked=parked),
        status,
        version,
        resource,
        sequences,
        [with_flags(message, is_pinned=pin, is_compacted=left) for message, pin, left in flagged],
        are_cut,
    )


def summary_rows(row: tuple[Any, ...]) -> SummaryRows:
    """From a row of `read_summaries`."""
    checkpoint, last_event, head, parked, status, version, resource, versions, flags, summaries = (
        row
    )
    pairs = zip(summaries or (), flags or (), strict=True)
    return SummaryRows(
        freshness_of(checkpoint, last_event, head, parked=parked),
        status,
        version,
        resource,
        versions or [],
        [with_superseded(summary, superseded=superseded) for summary, superseded in pairs],
    )


def freshness_of(
    checkpoint: int | None, last_event: int | None, head: int, *, parked: bool
) -> Freshness:
    """Of one conversation: `last_event` is its last in the log; no checkpoint, no projector has run yet."""
    known = checkpoint or 0
    pending = last_event if last_event is not None and last_event > known else None
    return Freshness(known, pending, head, parked)


_compacted = msgspec.json.Decoder(Compacted | None).decode


def _left(compacted: str | None) -> Callable[[int], bool]:
    """Whether a message of this sequence has left the context."""
    state = _compacted(compacted) if compacted else None
    if state is None:
        return lambda _: False
    upto, standing = state.upto, set(state.live())
    return lambda sequence: sequence <= upto and sequence not in standing
