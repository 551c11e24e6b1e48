"""What every read model is to the runner, and to those that rebuild and verify."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from domain.envelope import Recorded
from eventstore.connect import Connection

Write = Callable[[Connection], None]
"""What a page is to the tables, to be called once."""
Columns = dict[str, list[Any]]
"""A statement's values by name, each a list as long as the others: a place in all of them is a row."""


def write_all(statements: Mapping[bytes, Columns], connection: Connection) -> None:
    """A `Write`, but for the connection: one statement behind the other, those without rows left out."""
    for statement, columns in statements.items():
        if all(columns.values()):
            connection.execute(statement, columns, prepare=True)


class Table(msgspec.Struct, frozen=True):
    """A table of a read model."""

    name: str
    keys: tuple[str, ...]
    """Its primary key; no column of it is null."""


class LastEvent(msgspec.Struct, frozen=True):
    """How to find the event that last shaped a row."""

    stream: str
    version: int | None = None
    message_id: str | None = None
    position: int | None = None
    """One of the three is there."""


class ReadModel(Protocol):
    """Tables made from events. `name` carries its version: another version is another read model.

    The runner owns transaction, checkpoint and parking; a read model only its rows. A row may tell of one
    conversation or of many: at any position the tables are what its writes make of all events up to it, except that a
    parked conversation counts with its events before the one that parked it.
    """

    @property
    def name(self) -> str: ...

    @property
    def tables(self) -> Sequence[Table]: ...

    def create(self, connection: Connection) -> None:
        """Make the tables where they are missing."""
        ...

    def work_out(self, page: Sequence[Recorded]) -> Write:
        """As much of taking in these events, which are in order of position, as needs no database; and the rest.

        This may happen in another thread and before the page's turn, while earlier ones are written, and be for nothing.
        The rest is done inside the caller's transaction and pipeline: no COPY.

        Rows must not depend on how the log is cut into pages, nor on how conversations lie between each other. What
        it keeps of events in memory must not outlive the write: a page may be rolled back, and tables be switched.
        """
        ...

    def last_event(self, table: str, row: dict[str, Any]) -> LastEvent | None:
        """None where a row tells of many conversations."""
        ...


class Proof(ReadModel, Protocol):
    """Makes a read model's tables in another way, for a verification."""

    def finish(self, connection: Connection) -> None:
        """All events were taken in: the tables are to be as the projector's."""
        ...
