"""How far read models are, and whose conversations they could not take in."""

import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from domain.envelope import Recorded
from eventstore.appends import StoredRow
from eventstore.connect import Connection

log = logging.getLogger(__name__)


class Lag(msgspec.Struct, frozen=True):
    """`events` behind the head; parked conversations."""

    position: int
    head: int
    parked: int

    @property
    def events(self) -> int:
        return self.head - self.position


class Checkpoints:
    """The checkpoint of a group of read models that advance together."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._parked: set[str] = set()
        self.position = 0

    def load(self, connection: Connection) -> None:
        """Begin where the last run ended; a read model that is new begins at 0, and the group with it."""
        for name in self._names:
            connection.execute(
                "INSERT INTO readmodels.tracking (name, position) VALUES (%s, 0) ON CONFLICT DO NOTHING",
                [name],
            )
        rows: list[tuple[Any, ...]] = connection.execute(
            "SELECT position FROM readmodels.tracking WHERE name = ANY (%s)", [self._names]
        ).fetchall()
        self.position = min(int(row[0]) for row in rows)
        self._parked = {
            str(row[0])
            for row in connection.execute(
                "SELECT stream FROM readmodels.parked WHERE name = ANY (%s)", [self._names]
            )
        }

    def advance(self, connection: Connection, position: int) -> None:
        connection.execute(
            "UPDATE readmodels.tracking SET position = %s WHERE name = ANY (%s)",
            [position, self._names],
        )

    def park(self, connection: Connection, row: StoredRow, reason: str) -> None:
        """The conversation waits for all models of the group: they are read together."""
        log.error("position %d parks %s: %s", row.position, row.stream, reason)
        for name in self._names:
            connection.execute(
                "INSERT INTO readmodels.parked (name, stream, position, error)"
                " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                [name, row.stream, row.position, reason.replace("\0", "")[:1_000]],
            )
        self._parked.add(row.stream)

    def not_parked(self, events: Sequence[Recorded]) -> Sequence[Recorded]:
        if not self._parked:
            return events
        return [event for event in events if event.stream not in self._parked]


def lag(connection: Connection) -> dict[str, Lag]:
    """Of every read model that has ever run, by name."""
    rows: list[tuple[Any, ...]] = connection.execute(
        "SELECT t.name, t.position, h.position,"
        " (SELECT count(*) FROM readmodels.parked p WHERE p.name = t.name)"
        " FROM readmodels.tracking t, head h ORDER BY t.name"
    ).fetchall()
    return {row[0]: Lag(row[1], row[2], row[3]) for row in rows}
