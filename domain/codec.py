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
from domain.upcasts import UPCASTS, Upcast, Upcasts

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
        super().__init__(
            f"no event of the topic {topic!r} is known here: it was written by a newer version of"
            " this program, or by another one"
        )
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

    Fields that an event does not have are ignored on decoding: during a rolling deploy the older
    program reads what the newer one writes, and a new field with a default is no new schema. What the
    older program must not misread gets a new schema, and that it refuses (UnknownTopic).
    """

    def __init__(
        self, kinds: tuple[type[Event], ...] = EVENT_TYPES, upcasts: Upcasts = UPCASTS
    ) -> None:
        """Raises ValueError where a hop from an older schema is missing."""
        self._encode = msgspec.json.Encoder().encode
        self._topics = {kind: topic_of(kind) for kind in kinds}
        self._decoders = {
            topic: msgspec.json.Decoder(_Body[kind]).decode for kind, topic in self._topics.items()
        }
        self._decode_fields = msgspec.json.Decoder(_Body[dict[str, msgspec.Raw]]).decode
        self._decode_meta = msgspec.json.Decoder(_Body[msgspec.Raw]).decode
        self._older = {
            f"{kind.NAME}.{schema}": (topic, _hops(kind, schema, upcasts))
            for kind, topic in self._topics.items()
            for schema in range(1, kind.SCHEMA)
        }

    def encode(self, meta: Meta, event: Event) -> StoredBody:
        return StoredBody(self._topics[type(event)], self._encode(_body(meta, event)))

    def decode(self, topic: str, state: bytes) -> tuple[Meta, Event]:
        """Raises UnknownTopic or CorruptEvent."""
        decode = self._decoders.get(topic)
        try:
            if decode is None:
                topic, state = self._upcast(topic, state)
                decode = self._decoders[topic]
            body = decode(state)
        except _UNREADABLE as error:
            raise CorruptEvent(topic, str(error)) from error
        return _meta(body), body.data

    def decode_meta(self, topic: str, state: bytes) -> Meta:
        """The metadata alone, of an event that may be unknown. Raises CorruptEvent."""
        try:
            return _meta(self._decode_meta(state))
        except _UNREADABLE as error:
            raise CorruptEvent(topic, str(error)) from error

    def _upcast(self, topic: str, state: bytes) -> tuple[str, bytes]:
        """The body as today's schema has it; values that no hop touches stay byte for byte."""
        if topic not in self._older:
            raise UnknownTopic(topic)
        current, hops = self._older[topic]
        body = self._decode_fields(state)
        data = body.data
        for hop in hops:
            data = hop(data)
        return current, self._encode(_body(_meta(body), data))


def topic_of(kind: type[Event]) -> str:
    return f"{kind.NAME}.{kind.SCHEMA}"


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError)
"""What msgspec raises on bytes that do not fit, and a hop on a field that is not there."""


def _body(meta: Meta, data: EventT) -> _Body[EventT]:
    return _Body(
        id=meta.event_id,
        at=meta.occurred_at,
        cmd=meta.command_id,
        by=meta.actor,
        data=data,
        req=meta.request_id,
        why=meta.causation,
    )


def _meta(body: _Body[Any]) -> Meta:
    return Meta(body.id, body.at, body.cmd, body.by, body.req, body.why)


def _hops(kind: type[Event], schema: int, upcasts: Upcasts) -> list[Upcast]:
    try:
        return [upcasts[kind.NAME, older] for older in range(schema, kind.SCHEMA)]
    except KeyError as missing:
        raise ValueError(f"no upcast for {missing}") from missing
