"""Events as others read them: CloudEvents 1.0, structured JSON, on NATS and at the events endpoint.

Every position of the log goes out once. What cannot be shown goes out as its envelope with `data` null,
so that a reader that counts positions never waits for one.
"""

from typing import Any, Literal, get_args

import msgspec
from msgspec import UNSET, UnsetType

from domain.envelope import Meta, Recorded
from domain.ids import split_stream
from domain.published_events import PublishedEvent, Time, published_event

CONTENT_TYPE = "application/cloudevents+json"
MESSAGE_ID_HEADER = "Nats-Msg-Id"
"""Its value is the event's `id`: JetStream drops a second copy of it."""

STREAM = "VERBATIM_EVENTS"
"""The JetStream stream: a sequence in it is a position."""

SUBJECTS = "verbatim.v1.>"
"""All of them: `verbatim.v1.<workspace>.<conversation>.<EventName>`."""

UNKNOWN = "Unreadable"
"""The name of an event whose own is unknown here."""


KINDS: dict[str, type[PublishedEvent]] = {kind.__name__: kind for kind in get_args(PublishedEvent)}
"""By the stored name: a published shape is called like its event."""


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """`position` and `version` are strings, as integers of CloudEvents have 32 bits."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    """`/workspaces/<workspace>/conversations/<conversation>`."""
    type: str
    """`verbatim.<event>.v<version>`: the version of the published shape, not of the stored one."""
    subject: str
    """The conversation's id."""
    time: Time | UnsetType = UNSET
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str | UnsetType = UNSET
    position: str
    """The event's place in the whole log."""
    version: str
    """Its place in its conversation."""
    actor: str | UnsetType = UNSET
    """The id of the API key, or the name of a service."""
    commandid: str | UnsetType = UNSET
    """Shared by the events of one command, which stand next to each other in the log."""
    correlationid: str | UnsetType = UNSET
    """The request behind the event: its `X-Request-ID`."""
    causationid: str | UnsetType = UNSET
    """The event or request that made a service act."""
    data: msgspec.Struct | None
    """Null where the event is too large, or unreadable for the program that published it."""


encode = msgspec.json.Encoder().encode


def published(recorded: Recorded, *, content: bool) -> CloudEvent:
    """`content`: with what people wrote and named, a caller's own JSON byte for byte."""
    kind = KINDS[recorded.event.NAME]
    return _envelope(
        recorded.stream,
        recorded.version,
        recorded.position,
        recorded.meta,
        kind,
        published_event(recorded.event, content=content),
    )


def too_large(event: CloudEvent) -> CloudEvent:
    """The envelope of an event that does not fit where it is published."""
    return msgspec.structs.replace(event, data=None)


def unreadable(
    stream: str, version: int, position: int, topic: str, meta: Meta | None = None
) -> CloudEvent:
    """The envelope of an event that could not be decoded, with its metadata if that could be."""
    kind = KINDS.get(_name(topic))
    return _envelope(stream, version, position, meta, kind, None)


def nats_subject(stream: str, topic: str) -> str:
    """`verbatim.v1.<workspace>.<conversation>.<EventName>`."""
    workspace, conversation = split_stream(stream)
    name = _name(topic)
    return f"verbatim.v1.{workspace}.{conversation}.{name if name in KINDS else UNKNOWN}"


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema (2020-12) of each published event's data, by its `dataschema`."""
    return {
        urn(kind): {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": urn(kind),
            **msgspec.json.schema(kind),
        }
        for kind in KINDS.values()
    }


def _name(topic: str) -> str:
    return topic.rpartition(".")[0]


def urn(kind: type[PublishedEvent]) -> str:
    """The `dataschema` of an event."""
    event, _, version = kind.TYPE.rpartition(".")
    return f"urn:verbatim:event:{event}:{version}"


def _envelope(  # noqa: PLR0917 - an event's place, metadata and data, nothing to group
    stream: str,
    version: int,
    position: int,
    meta: Meta | None,
    kind: type[PublishedEvent] | None,
    data: PublishedEvent | None,
) -> CloudEvent:
    workspace, conversation = split_stream(stream)
    return CloudEvent(
        id=meta.event_id if meta else f"{stream}:{version}",
        source=f"/workspaces/{workspace}/conversations/{conversation}",
        type=f"verbatim.{kind.TYPE}" if kind else "verbatim.unreadable.v1",
        subject=conversation,
        time=meta.occurred_at if meta else UNSET,
        dataschema=urn(kind) if kind else UNSET,
        position=str(position),
        version=str(version),
        actor=meta.actor if meta else UNSET,
        commandid=meta.command_id if meta else UNSET,
        correlationid=(meta and meta.request_id) or UNSET,
        causationid=(meta and meta.causation) or UNSET,
        data=data,
    )
