"""How far read models are, and whose conversations they could not take in."""

import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from domain.envelope import Recorded
from eventstore.appends import StoredRow
from eventstore.connect import Connection

log = logging.getLogger(__name__)

RELAY_PREFIX = "relay:"
"""Before a JetStream stream's name: how far it is filled. Kept for whoever shows the lag; the relay never reads it."""


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
        self.names = names
        self._parked: dict[str, int] = {}
        self.position = 0

    def load(self, connection: Connection) -> None:
        """Begin where the last run ended; a read model that is new begins at 0."""
        for name in self.names:
            connection.execute(
                "INSERT INTO readmodels.tracking (name, position) VALUES (%s, 0) ON CONFLICT DO NOTHING",
                [name],
            )
        self.hold(connection)

    def hold(self, connection: Connection) -> None:
        """Inside a transaction: keep all others from advancing until its end, and see where they left it.

        A rebuild switches tables, and a retry changes who is parked, under this same lock.
        """
        held = connection.execute(
            "SELECT position FROM readmodels.tracking WHERE name = ANY (%s) ORDER BY name FOR UPDATE",
            [self.names],
            prepare=True,
        )
        parked = connection.execute(
            "SELECT stream, min(position) FROM readmodels.parked WHERE name = ANY (%s) GROUP BY stream",
            [self.names],
            prepare=True,
        )
        self.position = min(int(row[0]) for row in held)
        self._parked = {str(row[0]): int(row[1]) for row in parked}

    def advance(self, connection: Connection, position: int) -> None:
        connection.execute(
            "UPDATE readmodels.tracking SET position = %s WHERE name = ANY (%s)",
            [position, self.names],
        )

    def park(self, connection: Connection, row: StoredRow, reason: str) -> None:
        """The conversation waits for all models of the group: they are read together.

        None of them has taken in its event at this position, nor a later one; all earlier ones they have.
        """
        log.error("position %d parks %s: %s", row.position, row.stream, reason)
        for name in self.names:
            connection.execute(
                "INSERT INTO readmodels.parked (name, stream, position, error)"
                " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                [name, row.stream, row.position, reason.replace("\0", "")[:1_000]],
            )
        self._parked.setdefault(row.stream, row.position)

    def not_parked(self, events: Sequence[Recorded]) -> Sequence[Recorded]:
        if not self._parked:
            return events
        return [e for e in events if e.position < self._parked.get(e.stream, e.position + 1)]


def lag(connection: Connection) -> dict[str, Lag]:
    """Of every read model that has ever run, by name; those that are being rebuilt are not yet one."""
    rows: list[tuple[Any, ...]] = connection.execute(
        "SELECT t.name, t.position, h.position,"
        " (SELECT count(*) FROM readmodels.parked p WHERE p.name = t.name)"
        " FROM readmodels.tracking t, head h WHERE t.name NOT LIKE '%:%' ORDER BY t.name"
    ).fetchall()
    return {row[0]: Lag(row[1], row[2], row[3]) for row in rows}


def live_position(connection: Connection, name: str, *, hold: bool = False) -> int:
    """How far the live read model is; `hold` keeps it there until the transaction ends."""
    row = connection.execute(
        b"SELECT position FROM readmodels.tracking WHERE name = %s"
        + (b" FOR UPDATE" if hold else b""),
        [name],
    ).fetchone()
    return int(row[0]) if row is not None else 0
