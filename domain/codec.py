"""Events to bytes and back.

A stored event is a topic (`<name>.<schema>`) and a JSON body: the metadata under short keys (it
is written millions of times) and the event's own fields under `data`. The registry is closed: a
topic that is not in it is an error, never an import.
"""

from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar, get_args

import msgspec

from domain.envelope import Meta
from domain.events import Event
from domain.upcasts import UPCASTS, Upcasts

EventT = TypeVar("EventT")

EVENT_TYPES: tuple[type[Event], ...] = get_args(Event)


class CodecError(Exception):
    """A stored event could not be read.

    CodecError
    ├── UnknownTopic   no such event, or a schema newer than this program
    └── CorruptEvent   the body does not fit its topic
    """


class UnknownTopic(CodecError):  # noqa: N818 - the tree's root carries the word
    def __init__(self, topic: str) -> None:
        super().__init__(f"no event is stored under the topic {topic!r}; is this program too old?")
        self.topic = topic


class CorruptEvent(CodecError):  # noqa: N818 - the tree's root carries the word
    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(f"the body of a {topic} cannot be read: {reason}")
        self.topic = topic


class StoredBody(NamedTuple):
    topic: str
    state: bytes


class _Body(msgspec.Struct, Generic[EventT], frozen=True, omit_defaults=True, gc=False):
    id: str
    at: datetime
    cmd: str
    by: str
    data: EventT
    req: str | None = None
    why: str | None = None


class Codec:
    """Encodes and decodes events; holds one typed decoder a topic. Safe to share between threads.

    Fields that a newer writer added with a default are ignored by an older reader; that is what
    lets two versions of the program run side by side during a deploy.
    """

    def __init__(self, upcasts: Upcasts = UPCASTS) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._topics = {kind: topic_of(kind) for kind in EVENT_TYPES}
        self._decoders = {
            topic_of(kind): msgspec.json.Decoder(_Body[kind]).decode for kind in EVENT_TYPES
        }
        self._schemas = {kind.NAME: kind.SCHEMA for kind in EVENT_TYPES}
        self._upcasts = upcasts

    def encode(self, meta: Meta, event: Event) -> StoredBody:
        body = _Body(
            id=meta.event_id,
            at=meta.occurred_at,
            cmd=meta.command_id,
            by=meta.actor,
            data=event,
            req=meta.request_id,
            why=meta.causation,
        )
        return StoredBody(self._topics[type(event)], self._encode(body))

    def decode(self, topic: str, state: bytes) -> tuple[Meta, Event]:
        """Raises UnknownTopic or CorruptEvent."""
        decode = self._decoders.get(topic)
        if decode is None:
            topic, state = self._upcast(topic, state)
            decode = self._decoders[topic]
        try:
            body: _Body[Any] = decode(state)
        except msgspec.DecodeError as error:
            raise CorruptEvent(topic, str(error)) from error
        return Meta(body.id, body.at, body.cmd, body.by, body.req, body.why), body.data

    def _upcast(self, topic: str, state: bytes) -> tuple[str, bytes]:
        """One hop a schema, from the stored one to today's."""
        name, _, number = topic.rpartition(".")
        current = self._schemas.get(name)
        if current is None or not number.isdecimal() or not 0 < int(number) < current:
            raise UnknownTopic(topic)
        try:
            body = msgspec.json.decode(state, type=dict[str, Any])
            for schema in range(int(number), current):
                body["data"] = self._upcasts[name, schema](body["data"])
        except (msgspec.DecodeError, KeyError) as error:
            raise CorruptEvent(topic, str(error)) from error
        return f"{name}.{current}", self._encode(body)


def topic_of(kind: type[Event]) -> str:
    return f"{kind.NAME}.{kind.SCHEMA}"
