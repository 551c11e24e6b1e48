"""The bodies of writes."""

from datetime import datetime
from typing import Annotated

import msgspec

from domain.events import NULL, Role, Source
from domain.policy import Strategy

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Moment = Annotated[datetime, msgspec.Meta(tz=True, description="RFC 3339, with an offset.")]
Tokens = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
Pairs = Annotated[
    dict[
        Annotated[str, msgspec.Meta(min_length=1, max_length=64)],
        Annotated[str, msgspec.Meta(max_length=512)],
    ],
    msgspec.Meta(max_length=16),
]
Identifier = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=64, description="Letters, digits, `_` and `-`; the caller's own."
    ),
]


def _null() -> msgspec.Raw:
    return NULL


class Policy(msgspec.Struct, forbid_unknown_fields=True):
    """A compaction policy; what is left out comes from the service's settings."""

    strategy: Strategy | msgspec.UnsetType = msgspec.UNSET
    trigger_tokens: Annotated[int, msgspec.Meta(ge=1, le=100_000_000)] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    keep_recent: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    target_tokens: Annotated[int, msgspec.Meta(ge=1, le=100_000_000)] | msgspec.UnsetType | None = (
        msgspec.UNSET
    )


class MessageIn(msgspec.Struct, forbid_unknown_fields=True):
    """A message as a client sends it."""

    role: Role
    content: Annotated[
        msgspec.Raw,
        msgspec.Meta(
            description="A string, an array of parts, or null with `tool_calls`.",
            extra_json_schema={
                "anyOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"type": "object"}, "minItems": 1},
                    {"type": "null"},
                ]
            },
        ),
    ] = msgspec.field(default_factory=_null)
    id: Identifier | None = None
    tool_calls: Annotated[
        msgspec.Raw,
        msgspec.Meta(
            description="The calls of an assistant message.",
            extra_json_schema={"type": ["array", "null"], "items": {"type": "object"}},
        ),
    ] = msgspec.field(default_factory=_null)
    tool_call_id: Name | None = None
    name: Name | None = None
    model: Name | None = None
    finish_reason: Label | None = None
    extra: Annotated[
        msgspec.Raw,
        msgspec.Meta(
            description="An opaque object, given back untouched.",
            extra_json_schema={"type": ["object", "null"]},
        ),
    ] = msgspec.field(default_factory=_null)
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cost_cents: Annotated[
        msgspec.Raw,
        msgspec.Meta(
            description="0 to 10^9, at most 12 decimals.",
            extra_json_schema={"type": ["number", "null"], "minimum": 0, "maximum": 1_000_000_000},
        ),
    ] = msgspec.field(default_factory=_null)
    metadata: Pairs = {}
    created_at: Moment | None = None


class CreateConversation(msgspec.Struct, forbid_unknown_fields=True):
    id: Identifier | None = None
    created_at: Moment | None = None
    assistant_id: Name | None = None
    title: Annotated[str, msgspec.Meta(max_length=1_000)] | None = None
    user_id: Name | None = None
    source: Source = "api"
    metadata: Pairs = {}
    compaction: Policy | None = None
    messages: Annotated[list[MessageIn], msgspec.Meta(max_length=100)] = []


class AppendBatch(msgspec.Struct, forbid_unknown_fields=True):
    messages: Annotated[list[MessageIn], msgspec.Meta(min_length=1, max_length=100)]
