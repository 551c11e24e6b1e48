"""Takes pages of the log into read models: all models of a group, one transaction, one checkpoint."""

import logging
import threading
from collections.abc import Iterator, Sequence

import msgspec
import psycopg

from domain.codec import CodecError
from domain.envelope import Recorded
from eventstore.appends import StoredRow
from eventstore.connect import Connection
from eventstore.mapper import EventMapper
from projections.checkpoints import Checkpoints
from projections.parking import wait_for_each_other
from projections.read_model import ReadModel, Write

log = logging.getLogger(__name__)

PROJECTED = "verbatim_projected"


class Page(msgspec.Struct, frozen=True):
    """Rows of the log, and what is known of them without the database."""

    rows: Sequence[StoredRow]
    events: Sequence[Recorded]
    broken: Sequence[tuple[StoredRow, str]]
    """Rows that cannot be read, and why."""
    wanted: Sequence[Recorded]
    """Without those of parked conversations, as far as was known."""
    writes: Sequence[Write] | None
    """For what is wanted; None where they are still to be worked out."""


class Intake:
    """`prefix` sets a checkpoint apart that nobody reads by: of a rebuild, of a verification."""

    def __init__(self, models: Sequence[ReadModel], *, prefix: str = "") -> None:
        self.models = list(models)
        self._announce = not prefix
        self._mapper = EventMapper()
        self._checkpoints = Checkpoints([prefix + model.name for model in models])
        self._working_out = threading.Lock()  # read models know of one thread

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

    def page(self, rows: Sequence[StoredRow]) -> Page:
        """For `take`, at once."""
        events, broken = self._decoded(rows)
        return Page(rows, events, broken, (), None)

    def page_ahead(self, rows: Sequence[StoredRow]) -> Page:
        """For `take`, later: worked out already, in any thread. Whatever has changed until its turn is seen to then."""
        page = self.page(rows)
        wanted = self._checkpoints.not_parked(page.events)
        try:
            writes = list(self._worked_out(wanted))
        except Exception:  # noqa: BLE001 - it is raised again when it is the page's turn, and seen to
            return page
        return msgspec.structs.replace(page, wanted=wanted, writes=writes)

    def take(self, connection: Connection, page: Page) -> bool:
        """What follows on the checkpoint; False where that has moved meanwhile: `position` says where it is.

        What fails is halved until the culprit stands alone; its conversation is then parked.
        """
        rows = page.rows
        start, size = 0, len(rows)
        while start < len(rows):
            is_whole = start == 0 and size == len(rows)
            part = page if is_whole else self.page(rows[start : start + size])
            try:
                if not self._take(connection, part):
                    return False
            except (psycopg.OperationalError, psycopg.InterfaceError):
                raise
            except Exception as error:  # noqa: BLE001 - whatever an event does to a read model, the log goes on
                if len(part.rows) > 1:
                    size = len(part.rows) // 2
                    continue
                if not self._park(connection, part.rows[0], str(error)):
                    return False
                size = len(rows)
            start += len(part.rows)
        return True

    def _take(self, connection: Connection, page: Page) -> bool:
        # In a pipeline only what is read of the database is waited for, not each statement; the transaction's end waits
        # for all of it, before it commits.
        with connection.pipeline(), connection.transaction():
            # A read model can be built again: rows and checkpoint are lost or kept together.
            connection.execute("SET LOCAL synchronous_commit = off")
            if not self._follows(connection, page.rows[0]):
                return False
            # Before parking: what came earlier stays.
            wanted = self._checkpoints.not_parked(page.events)
            for row, reason in page.broken:
                self._checkpoints.park(connection, row, reason)
            fitting = page.writes if page.wanted == wanted else None
            for write in fitting or self._worked_out(wanted):
                write(connection)
            self._advance(connection, page.rows[-1].position)
        self._checkpoints.position = page.rows[-1].position
        return True

    def _worked_out(self, wanted: Sequence[Recorded]) -> Iterator[Write]:
        """One by one: the database is at work on what was written, while the next read model is asked."""
        for model in self.models if wanted else ():
            with self._working_out:
                write = model.work_out(wanted)
            yield write

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

    def _park(self, connection: Connection, row: StoredRow, reason: str) -> bool:
        """A single event that a read model cannot take in."""
        with connection.transaction():
            if not self._follows(connection, row):
                return False
            self._checkpoints.park(connection, row, reason)
            self._advance(connection, row.position)
        self._checkpoints.position = row.position
        return True

    def _follows(self, connection: Connection, row: StoredRow) -> bool:
        """Holds the checkpoint. False where it has moved; positions have no gaps."""
        self._checkpoints.hold(connection)
        return row.position == self.position + 1

    def _advance(self, connection: Connection, position: int) -> None:
        self._checkpoints.advance(connection, position)
        if self._announce:
            connection.execute(f"NOTIFY {PROJECTED}")
