"""A read model built beside the live one, from the first event on."""

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager

import psycopg

from eventstore.connect import Connection, connect
from eventstore.follower import Follower
from projections.ahead import one_ahead
from projections.intake import Intake
from projections.parking import go_on, parked_from
from projections.read_model import ReadModel

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Told the read model's name, the position reached and the position aimed at."""


class Busy(Exception):  # noqa: N818 - names the finding
    """Another process does the same at this moment; the message says what."""


class Beside:
    """`schema` holds the tables, a checkpoint of its own says how far they are: a killed run goes on there."""

    def __init__(self, connection: Connection, schema: str, model: ReadModel) -> None:
        self.connection = connection
        self.schema = schema
        self.model = model
        self.name = f"{schema}:{model.name}"
        """That of the checkpoint."""
        self.intake = Intake([model], prefix=f"{schema}:")

    def prepare(self, *, afresh: bool) -> None:
        """Tables and checkpoint; `afresh` forgets those of an earlier run."""
        if afresh or not self._is_begun():
            self.drop()
        self.intake.prepare(self.connection)

    def _is_begun(self) -> bool:
        row = self.connection.execute(
            "SELECT FROM readmodels.tracking WHERE name = %s", [self.name]
        ).fetchone()
        return row is not None

    def catch_up(self, dsn: str, upto: int, page: int, tell: Progress) -> None:
        """Take in all events up to a position where the live read model has been."""
        self.park_alike()
        follower = Follower(dsn, page=page)
        try:
            replayed = map(self.intake.page_ahead, follower.replay(self.intake.position, upto))
            with one_ahead(replayed) as pages:
                for next_page in pages:
                    self.intake.take(self.connection, next_page)
                    tell(self.model.name, self.intake.position, upto)
        finally:
            follower.close()

    def take_rest(self, upto: int, page: int) -> None:
        """As `catch_up`, on the caller's connection, inside its transaction: few events."""
        follower = Follower("", page=page, connection=self.connection)
        self.intake.reload(self.connection)
        self.park_alike()
        while rows := follower.read(self.intake.position, upto):
            self.intake.take(self.connection, self.intake.page(rows))
        assert self.intake.position == upto  # noqa: S101 - positions have no gaps

    def park_alike(self) -> None:
        """Leave out what the live read model leaves out: who is parked there is parked here, from the same event on.

        To be called when the position to go to is known, and before going there: a live read model parks a
        conversation in the transaction in which it passes the event.
        """
        live = parked_from(self.connection, self.model.name)
        mine = parked_from(self.connection, self.name)
        for stream, start in mine.items():
            if live.get(stream) != start:
                self._go_on(stream, start, live.get(stream))
        for stream, start in live.items():
            self.connection.execute(
                "INSERT INTO readmodels.parked (name, stream, position, error)"
                " VALUES (%s, %s, %s, 'parked in the live read model') ON CONFLICT DO NOTHING",
                [self.name, stream, start],
            )

    def _go_on(self, stream: str, start: int, end: int | None) -> None:
        """The live read model has gone on with a conversation, up to before `end`; where we cannot, it waits here."""
        upto = self.intake.position if end is None else min(self.intake.position, end - 1)
        try:
            with self.connection.transaction():
                go_on(self.connection, self.model, stream, start, upto)
                self.connection.execute(
                    "DELETE FROM readmodels.parked WHERE name = %s AND stream = %s",
                    [self.name, stream],
                )
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever parked it here is still there
            log.info("%s: %s stays parked: %s", self.name, stream, error)

    def forget(self) -> None:
        """The checkpoint and the list of parked conversations."""
        self.connection.execute("DELETE FROM readmodels.tracking WHERE name = %s", [self.name])
        self.connection.execute("DELETE FROM readmodels.parked WHERE name = %s", [self.name])

    def drop(self) -> None:
        with self.connection.transaction():
            self.forget()
            for table in self.model.tables:
                self.connection.execute(f"DROP TABLE IF EXISTS {self.schema}.{table.name}".encode())


@contextmanager
def alone(dsn: str, what: str) -> Generator[Connection]:
    """A connection that holds a lock of this name. Raises Busy."""
    with connect(dsn, name=what) as connection:
        row = connection.execute(
            "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [f"verbatim {what}"]
        ).fetchone()
        if row is None or not row[0]:
            raise Busy(f"another process is at it already: {what}")
        yield connection
