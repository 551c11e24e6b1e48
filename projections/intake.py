"""Takes pages of the log into read models: all models of a group, one transaction, one checkpoint."""

import logging
from collections.abc import Sequence

import psycopg

from domain.codec import CodecError
from domain.envelope import Recorded
from eventstore.appends import StoredRow
from eventstore.connect import Connection
from eventstore.mapper import EventMapper
from projections.checkpoints import Checkpoints
from projections.parking import wait_for_each_other
from projections.read_model import ReadModel

log = logging.getLogger(__name__)

PROJECTED = "verbatim_projected"


class Intake:
    """`prefix` sets a checkpoint apart that nobody reads by: of a rebuild, of a verification."""

    def __init__(self, models: Sequence[ReadModel], *, prefix: str = "") -> None:
        self.models = list(models)
        self._announce = not prefix
        self._mapper = EventMapper()
        self._checkpoints = Checkpoints([prefix + model.name for model in models])

    @property
    def position(self) -> int:
        """Of the last event taken in."""
        return self._checkpoints.position

    def prepare(self, connection: Connection) -> None:
        """Make missing tables and find where to go on."""
        for model in self.models:
            model.create(connection)
        with connection.transaction():
            self._checkpoints.load(connection)
            wait_for_each_other(connection, self._checkpoints.names)

    def reload(self, connection: Connection) -> None:
        """Inside a transaction: where the checkpoint stands. What was rolled back was not taken in."""
        self._checkpoints.hold(connection)

    def take(self, connection: Connection, rows: Sequence[StoredRow]) -> None:
        """The rows that follow on the checkpoint; where it has moved meanwhile, `position` says so.

        What fails is halved until the culprit stands alone; its conversation is then parked.
        """
        start, size = 0, len(rows)
        while start < len(rows):
            part = rows[start : start + size]
            try:
                if not self._take(connection, part):
                    return
            except (psycopg.OperationalError, psycopg.InterfaceError):
                raise
            except Exception as error:  # noqa: BLE001 - whatever an event does to a read model, the log goes on
                if len(part) > 1:
                    size = len(part) // 2
                    continue
                self._park(connection, part[0], str(error))
                size = len(rows)
            start += len(part)

    def _take(self, connection: Connection, rows: Sequence[StoredRow]) -> bool:
        """False where the checkpoint has moved: these are not the next rows."""
        expected = self.position
        # In a pipeline only what is read of the database is waited for, not each statement; the transaction's end waits
        # for all of it, before it commits.
        with connection.pipeline(), connection.transaction():
            # A read model can be built again: rows and checkpoint are lost or kept together.
            connection.execute("SET LOCAL synchronous_commit = off")
            self._checkpoints.hold(connection)
            if self.position != expected:
                return False
            events, broken = self._decoded(rows)
            wanted = self._checkpoints.not_parked(events)  # before parking: what came earlier stays
            for row, reason in broken:
                self._checkpoints.park(connection, row, reason)
            for model in self.models if wanted else ():
                model.apply(connection, wanted)
            self._advance(connection, rows[-1].position)
        self._checkpoints.position = rows[-1].position
        return True

    def _decoded(
        self, rows: Sequence[StoredRow]
    ) -> tuple[list[Recorded], list[tuple[StoredRow, str]]]:
        events: list[Recorded] = []
        broken: list[tuple[StoredRow, str]] = []
        for row in rows:
            try:
                events.append(self._mapper.recorded(row))
            except CodecError as error:
                broken.append((row, str(error)))
        ill = {row.stream: row.position for row, _ in reversed(broken)}
        well = [e for e in events if e.position < ill.get(e.stream, e.position + 1)]
        return well, broken

    def _park(self, connection: Connection, row: StoredRow, reason: str) -> None:
        """A single event that a read model cannot take in."""
        expected = self.position
        with connection.transaction():
            self._checkpoints.hold(connection)
            if self.position != expected:
                return
            self._checkpoints.park(connection, row, reason)
            self._advance(connection, row.position)
        self._checkpoints.position = row.position

    def _advance(self, connection: Connection, position: int) -> None:
        self._checkpoints.advance(connection, position)
        if self._announce:
            connection.execute(f"NOTIFY {PROJECTED}")
