"""A batch of appends: gathered from the queue, turned into columns for one statement."""

from collections import deque
from typing import Any, Protocol

from eventstore.appends import Append, Appended
from eventstore.arrays import bigints, byteas, texts


class Told(Protocol):
    """Who is told what became of an append: a future, or what is as much of one.

    It is told once, in the midst of the writer's work: what it has to do about it, it does in a later turn of the loop.
    """

    def done(self) -> bool: ...
    def set_result(self, result: Appended, /) -> None: ...
    def set_exception(self, exception: Exception, /) -> None: ...


class Pending:
    """An append that waits for its answer."""

    __slots__ = ("append", "future", "uncertain")

    def __init__(self, append: Append, future: Told) -> None:
        self.append = append
        self.future = future
        self.uncertain = False
        """It was sent before on a connection that broke: it may have landed."""

    def resolve(self, appended: Appended) -> None:
        if not self.future.done():
            self.future.set_result(appended)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


def take(queue: deque[Pending], most_events: int) -> list[Pending]:
    """The next batch, in order. At least one append, however large.

    No two appends of a batch share a stream or a key: the second would be decided by the first, so it
    waits for the next batch, and all behind it on that stream with it.
    """
    batch: list[Pending] = []
    later: list[Pending] = []
    taken: set[object] = set()
    count = 0
    while queue and count < most_events:
        pending = queue.popleft()
        events = pending.append.events
        entry = pending.append.idempotency
        names: list[object] = [event.stream for event in events]
        if entry is not None:
            names.append((entry.workspace, entry.key))
        clash = not taken.isdisjoint(names)
        taken.update(names)
        if clash:
            later.append(pending)
            continue
        batch.append(pending)
        count += len(events)
    queue.extendleft(reversed(later))
    return batch


def single_values(append: Append, lifetime: str) -> dict[str, Any]:
    """The one event and the key of a command, as `append_one.sql` and `append_one_with_key.sql` take them."""
    (event,) = append.events
    values: dict[str, Any] = {
        "stream": event.stream,
        "version": event.version,
        "topic": event.topic,
        "state": event.state,
        "message": event.message_id,
    }
    entry = append.idempotency
    if entry is None:
        return values
    return values | {
        "workspace": entry.workspace,
        "key": entry.key,
        "hash": entry.request_hash,
        "result": entry.result,
        "lifetime": lifetime,
    }


def event_columns(batch: list[Pending]) -> dict[str, Any]:
    """Parallel arrays of all events of the batch, as `append.sql` takes them."""
    events = [event for pending in batch for event in pending.append.events]
    return {
        "count": len(events),
        "streams": texts([event.stream for event in events]),
        "versions": bigints([event.version for event in events]),
        "topics": texts([event.topic for event in events]),
        "states": byteas([event.state for event in events]),
        "messages": texts([event.message_id for event in events]),
    }


def key_columns(batch: list[Pending], lifetime: str) -> dict[str, Any]:
    """Parallel arrays of the batch's keyed commands, as `append_with_keys.sql` takes them."""
    entries: list[Any] = []
    first: list[int] = []
    last: list[int] = []
    offset = 0
    for pending in batch:
        count = len(pending.append.events)
        if pending.append.idempotency is not None:
            entries.append(pending.append.idempotency)
            first.append(offset + min(count, 1))
            last.append(offset + count)
        offset += count
    return {
        "workspaces": texts([entry.workspace for entry in entries]),
        "keys": texts([entry.key for entry in entries]),
        "hashes": byteas([entry.request_hash for entry in entries]),
        "results": byteas([entry.result for entry in entries]),
        "first_offsets": bigints(first),
        "last_offsets": bigints(last),
        "lifetime": lifetime,
    }


def isolating_columns(batch: list[Pending], lifetime: str) -> dict[str, Any]:
    """Parallel arrays of commands and events, as `append_batch.sql` takes them."""
    entries = [pending.append.idempotency for pending in batch]
    return {
        **event_columns(batch),
        "numbers": list(range(len(batch))),
        "workspaces": texts([entry and entry.workspace for entry in entries]),
        "keys": texts([entry and entry.key for entry in entries]),
        "hashes": byteas([entry and entry.request_hash for entry in entries]),
        "results": byteas([entry and entry.result for entry in entries]),
        "commands": [number for number, pending in enumerate(batch) for _ in pending.append.events],
        "lifetime": lifetime,
    }


def positions(batch: list[Pending], base: int) -> list[Appended]:
    """Where each append of a wholly appended batch stands behind `base`."""
    placed: list[Appended] = []
    for pending in batch:
        count = len(pending.append.events)
        placed.append(Appended(base + min(count, 1), base + count))
        base += count
    return placed
