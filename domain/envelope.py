"""What surrounds an event in the log: who caused it, when, and where it stands."""

from datetime import datetime

import msgspec

from domain.events import Event
from domain.ids import split_stream

# gc=False: events are made by the million and never refer to themselves.


class Meta(msgspec.Struct, frozen=True, gc=False):
    """What is known of an event before it is appended."""

    event_id: str
    occurred_at: datetime
    command_id: str
    """The command that made the event: an unknown outcome is looked up by it."""
    actor: str
    """The id of the API key, or the name of a service."""
    request_id: str | None = None
    causation: str | None = None
    """The event or request behind the command."""


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event as it stands in the log."""

    stream: str
    version: int
    """1, 2, 3 … in the stream."""
    position: int
    """1, 2, 3 … in the whole log: commit order, without gaps."""
    meta: Meta
    event: Event

    @property
    def workspace(self) -> str:
        return split_stream(self.stream)[0]

    @property
    def conversation(self) -> str:
        return split_stream(self.stream)[1]
