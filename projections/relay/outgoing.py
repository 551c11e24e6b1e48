"""A stored event as it goes out: subject, headers, CloudEvent."""

from typing import NamedTuple

from domain.published import MESSAGE_ID_HEADER, encode, nats_subject, too_large
from eventstore.appends import StoredRow
from eventstore.mapper import EventMapper

SEQUENCE_HEADER = "Nats-Expected-Last-Sequence"
"""The server stores a message only right behind this sequence: sequence and position stay the same number."""

HEADER_BYTES = 120
"""About what both headers take beside the event's id."""


class Outgoing(NamedTuple):
    position: int
    event_id: str
    subject: str
    payload: bytes

    @property
    def headers(self) -> dict[str, str]:
        return {MESSAGE_ID_HEADER: self.event_id, SEQUENCE_HEADER: str(self.position - 1)}

    @property
    def size(self) -> int:
        """As the server counts it."""
        return len(self.payload) + len(self.event_id) + HEADER_BYTES


class Outbox:
    """Makes events ready to go out. `content`: with what people wrote; `largest` is the server's limit, in bytes."""

    def __init__(self, *, content: bool, largest: int) -> None:
        self._mapper = EventMapper()
        self._content = content
        self._largest = largest

    def made(self, row: StoredRow) -> Outgoing:
        """What is unreadable or too large goes as its envelope: every position goes out."""
        event = self._mapper.cloud_event(row, content=self._content)
        subject = nats_subject(row.stream, row.topic)
        outgoing = Outgoing(row.position, event.id, subject, encode(event))
        if outgoing.size > self._largest:
            return outgoing._replace(payload=encode(too_large(event)))
        return outgoing
