"""Keeps read models up to date: a page of the log, all models, one transaction, one checkpoint."""

import logging
import threading
from collections.abc import Sequence

import psycopg

from domain.codec import CodecError
from domain.envelope import Recorded
from eventstore.appends import StoredRow
from eventstore.connect import Connection
from eventstore.follower import POLL, Follower
from eventstore.mapper import EventMapper
from projections.checkpoints import Checkpoints
from projections.read_model import ReadModel

log = logging.getLogger(__name__)

LOCK = 0x7665_7262_7072_6F6A  # "verbproj": one runner of a group applies, others stand by
PROJECTED = "verbatim_projected"
LONGEST_PAUSE = 5.0


class Runner:
    """Follows the log until `stop` is set. `page` counts events."""

    def __init__(
        self, dsn: str, models: Sequence[ReadModel], *, page: int, stop: threading.Event
    ) -> None:
        self._dsn = dsn
        self._models = list(models)
        self._page = page
        self._stop = stop
        self._mapper = EventMapper()
        self._checkpoints = Checkpoints([model.name for model in models])

    def run(self) -> None:
        """Survives a lost database: tries again with growing pauses."""
        pause = 0.1
        while not self._stop.is_set():
            try:
                self._follow()
                pause = 0.1
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                log.warning("projections wait for the database: %s", str(error).strip())
                self._stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _follow(self) -> None:
        follower = Follower(self._dsn, page=self._page)
        try:
            if not self._lead(follower.connection):
                return
            for model in self._models:
                model.create(follower.connection)
            self._checkpoints.load(follower.connection)
            log.info("projections go on after position %d", self._checkpoints.position)
            while not self._stop.is_set():
                if not self.step(follower):
                    follower.wait(POLL)
        finally:
            follower.close()

    def _lead(self, connection: Connection) -> bool:
        """Wait to be the one that applies; False when asked to stop first."""
        told = False
        while not self._stop.is_set():
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
            if row is not None and row[0]:
                return True
            if not told:
                log.info("another projector is at work; standing by")
                told = True
            self._stop.wait(0.5)
        return False

    def step(self, follower: Follower) -> bool:
        """Take in the next page; False where there is none.

        A page that fails is halved until the culprit stands alone; its conversation is then parked.
        """
        limit = self._page
        while True:
            rows = follower.read(self._checkpoints.position)[:limit]
            if not rows:
                return False
            try:
                self._take_in(follower.connection, rows)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                raise
            except Exception as error:  # noqa: BLE001 - whatever an event does to a read model, the log goes on
                if len(rows) > 1:
                    limit = len(rows) // 2
                    self._checkpoints.load(follower.connection)  # as before this page
                    continue
                self._park(follower.connection, rows[0], str(error))
            return True

    def _take_in(self, connection: Connection, rows: list[StoredRow]) -> None:
        with connection.transaction():
            # A read model can be built again: rows and checkpoint are lost or kept together.
            connection.execute("SET LOCAL synchronous_commit = off")
            events, broken = self._decoded(rows)
            for row, reason in broken:
                self._checkpoints.park(connection, row, reason)
            wanted = self._checkpoints.not_parked(events)
            for model in self._models if wanted else ():
                model.apply(connection, wanted)
            self._checkpoints.advance(connection, rows[-1].position)
            connection.execute(f"NOTIFY {PROJECTED}")
        self._checkpoints.position = rows[-1].position

    def _decoded(self, rows: list[StoredRow]) -> tuple[list[Recorded], list[tuple[StoredRow, str]]]:
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
        with connection.transaction():
            self._checkpoints.park(connection, row, reason)
            self._checkpoints.advance(connection, row.position)
            connection.execute(f"NOTIFY {PROJECTED}")
        self._checkpoints.position = row.position
