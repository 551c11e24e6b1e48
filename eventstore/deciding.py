"""Commands whose streams moved on are decided again, while their writer keeps all others from the log."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from eventstore.appends import StoredRow
from eventstore.arrays import bigints, texts
from eventstore.batch import Pending

MOST_DECIDED = 64
"""Commands that one lock is held for; what is beyond conflicts, and is decided outside."""
MOST_READ = 1_000
"""Events, as above; past it no further command is begun."""
MOST_BEHIND = 200
"""Events of one stream. Who is further behind has to read on outside, by pages and snapshots."""
MOST_BYTES = 65_536
"""Of one event."""


def newer_columns(batch: Sequence[Pending]) -> dict[str, Any] | None:
    """The streams of commands that can be decided again, as `newer_events.sql` takes them; None for none.

    One that was sent before, on a connection that broke, may have landed: it is looked up, not decided.
    """
    known = [
        item
        for pending in batch
        if pending.append.again is not None and not pending.uncertain
        for item in pending.append.known().items()
    ]
    if not known:
        return None
    return {
        "streams": texts([stream for stream, _ in known]),
        "versions": bigints([version for _, version in known]),
        "limit": MOST_BEHIND + 1,
        "bytes": MOST_BYTES,
    }


def decide_again(batch: Sequence[Pending], rows: Sequence[Any]) -> list[Pending]:
    """What of the batch is still to be appended: those that are refused by now have been told."""
    newer: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows:
        newer[row[1]].append(row)
    decided = read = 0
    left: list[Pending] = []
    for pending in batch:
        again = pending.append.again
        behind = [newer[stream] for stream in pending.append.known() if stream in newer]
        may = decided < MOST_DECIDED and read < MOST_READ and not any(map(_too_much, behind))
        if again is None or not behind or not may:
            left.append(pending)
            continue
        found = [StoredRow(*row) for rows in behind for row in rows]
        decided += 1
        read += len(found)
        try:
            pending.append = again(found)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is its caller's: the others go on
            pending.fail(error)
        else:
            left.append(pending)
    return left


def _too_much(rows: Sequence[Any]) -> bool:
    return len(rows) > MOST_BEHIND or any(row[4] is None for row in rows)
