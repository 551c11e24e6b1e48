"""What is handed to the log and what comes back."""

from collections.abc import Callable, Sequence

import msgspec


class NewEvent(msgspec.Struct, frozen=True, gc=False):
    """An event that knows its place in its stream."""

    stream: str
    version: int
    topic: str
    state: bytes
    message_id: str | None = None


class IdempotencyEntry(msgspec.Struct, frozen=True, gc=False):
    """Written with the events of its request, or not at all."""

    workspace: str
    key: str
    request_hash: bytes
    result: bytes
    """Small JSON of ids and versions from which the answer can be made again; no message text."""


class StoredRow(msgspec.Struct, frozen=True, gc=False):
    """An event as it lies in the table, not decoded yet."""

    position: int
    stream: str
    version: int
    topic: str
    state: bytes


class Append(msgspec.Struct, frozen=True):
    """The events of one command: all or none, with contiguous positions in the order given."""

    command_id: str
    events: tuple[NewEvent, ...]
    idempotency: IdempotencyEntry | None = None
    again: Callable[[Sequence[StoredRow]], "Append"] | None = None
    """Decides anew, knowing what its streams hold behind what it knew: all of it, in order. Its exception is the caller's.

    Called by the writer while nobody else can append, so it must be quick. Without it, or where there is too much to take in,
    the append conflicts.
    """

    def known(self) -> dict[str, int]:
        """The version that each of its streams had for whoever decided."""
        known: dict[str, int] = {}
        for event in self.events:
            known.setdefault(event.stream, event.version - 1)
        return known


class Appended(msgspec.Struct, frozen=True, gc=False):
    """Where the events stand; of an append without events, both are the head's position."""

    first_position: int
    last_position: int
