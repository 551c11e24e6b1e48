"""The AsyncAPI 3.0 document of what goes out on NATS, made from the structs that go out."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET

from domain.ids import IDENTIFIER, WORKSPACE
from domain.published import (
    CONTENT_TYPE,
    KINDS,
    MESSAGE_ID_HEADER,
    STREAM,
    UNKNOWN,
    CloudEvent,
    urn,
)
from domain.published_events import PublishedEvent

VERSION = "1.0.0"
"""Of the contract, not of the program: a new event or field is the next minor one."""

_REF = "#/components/schemas/{name}"

_DESCRIPTION = f"""\
Every event of the log, in the order of its commits, as CloudEvents 1.0 in structured JSON.

All subjects are in one JetStream stream, `{STREAM}`, in which the sequence of a message is the `position` of its event:
1, 2, 3 … without gaps. Delivery is at least once; whoever remembers the last position it has worked on sees each event
once. The stream is bounded by age and size; older events are at the service's events endpoint.

Fields that say what people wrote and named (texts, tool calls, titles, names, metadata) are left out unless the service
runs with VERBATIM_PUBLISH_CONTENT.
"""


def document() -> dict[str, Any]:
    """Ready to be encoded as JSON."""
    envelopes = {name: _envelope(name, kind) for name, kind in KINDS.items()}
    envelopes[UNKNOWN] = _envelope(UNKNOWN, None)
    _, schemas = msgspec.json.schema_components(envelopes.values(), ref_template=_REF)
    return {
        "asyncapi": "3.0.0",
        "id": "urn:verbatim:events",
        "info": {
            "title": "Events of Verbatim",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {name: _channel(name) for name in envelopes},
        "operations": {f"publish{name}": _operation(name) for name in envelopes},
        "components": {
            "messages": {name: _message(name) for name in envelopes},
            "parameters": _PARAMETERS,
            "schemas": schemas | {"Headers": _HEADERS},
        },
    }


def _envelope(name: str, kind: type[PublishedEvent] | None) -> type[msgspec.Struct]:
    """The envelope with this one event's data."""
    type_ = f"verbatim.{kind.TYPE}" if kind else "verbatim.unreadable.v1"
    narrowed: dict[str, Any] = {
        "type": Literal[type_],  # pyright: ignore[reportInvalidTypeForm] - made when it runs
        "data": kind | None if kind else None,
    }
    if kind:
        narrowed["dataschema"] = Literal[urn(kind)]  # pyright: ignore[reportInvalidTypeForm] - as above
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(CloudEvent):
        form = narrowed.get(field.name, field.type)
        if field.default is UNSET and field.name not in narrowed:
            fields.append((field.name, form, UNSET))
        elif field.name != "dataschema" or kind:
            fields.append((field.name, form))  # always there, its default too
    return msgspec.defstruct(f"{name}Event", fields, kw_only=True)


def _channel(name: str) -> dict[str, Any]:
    return {
        "address": f"verbatim.v1.{{workspace}}.{{conversation}}.{name}",
        "parameters": {each: {"$ref": f"#/components/parameters/{each}"} for each in _PARAMETERS},
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
    }


def _operation(name: str) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
    }


def _message(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "title": name,
        "contentType": CONTENT_TYPE,
        "headers": {"$ref": _REF.format(name="Headers")},
        "payload": {"$ref": _REF.format(name=f"{name}Event")},
    }


_PARAMETERS = {
    "workspace": {"description": f"The workspace: {WORKSPACE.pattern}"},
    "conversation": {"description": f"The conversation's id: {IDENTIFIER.pattern}"},
}

_HEADERS = {
    "type": "object",
    "required": [MESSAGE_ID_HEADER],
    "properties": {MESSAGE_ID_HEADER: {"type": "string", "description": "The event's `id`."}},
}
