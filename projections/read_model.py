"""What every read model is to the runner."""

from collections.abc import Sequence
from typing import Protocol

from domain.envelope import Recorded
from eventstore.connect import Connection


class ReadModel(Protocol):
    """Tables made from events. `name` carries its version: another version is another read model.

    The runner owns transaction, checkpoint and parking; a read model only its rows.
    """

    @property
    def name(self) -> str: ...

    def create(self, connection: Connection) -> None:
        """Make the tables where they are missing."""
        ...

    def apply(self, connection: Connection, page: Sequence[Recorded]) -> None:
        """Take in events in order of position, inside the caller's transaction."""
        ...


"""The runner owns transaction, checkpoint and parking; a read model only rows."""
