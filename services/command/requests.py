"""The bodies of writes."""

from typing import Annotated, Literal

import msgspec

from domain.events import NULL, Role, Source
from domain.policy import Strategy
from services.http.fields import (
    PLAIN,
    Instructions,
    KeepRecent,
    Moment,
    Name,
    PairName,
    Pairs,
    PairValue,
    TargetTokens,
)
from services.http.names import RESERVED_CONVERSATIONS, RESERVED_MESSAGES, identifier

Label = Annotated[str, msgspec.Meta(min_length=1, max_length=64, extra_json_schema=PLAIN)]
Title = Annotated[str, msgspec.Meta(max_length=1_000, extra_json_schema=PLAIN)]
Tokens = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
ConversationId = Annotated[str, identifier(RESERVED_CONVERSATIONS)]
MessageId = Annotated[str, identifier(RESERVED_MESSAGES)]


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
    id: MessageId | None = None
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
            description="A number from 0 to 10^9, in cents, with at most 12 decimals.",
            extra_json_schema={"type": ["number", "null"], "minimum": 0, "maximum": 1_000_000_000},
        ),
    ] = msgspec.field(default_factory=_null)
    metadata: Pairs = {}
    created_at: Moment | None = None


class CreateConversation(msgspec.Struct, forbid_unknown_fields=True):
    id: ConversationId | None = None
    created_at: Moment | None = None
    assistant_id: Name | None = None
    title: Title | None = None
    user_id: Name | None = None
    source: Source = "api"
    metadata: Pairs = {}
    compaction: Policy | None = None
    messages: Annotated[list[MessageIn], msgspec.Meta(max_length=100)] = []


class PatchConversation(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    title: Title | msgspec.UnsetType | None = msgspec.UNSET
    status: Literal["active", "archived"] | msgspec.UnsetType = msgspec.UNSET
    metadata: (
        Annotated[
            dict[PairName, PairValue | None],
            msgspec.Meta(max_length=32, description="A JSON merge patch: null removes a key."),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    assistant_id: Name | msgspec.UnsetType | None = msgspec.UNSET
    user_id: Name | msgspec.UnsetType | None = msgspec.UNSET
    compaction: Policy | msgspec.UnsetType = msgspec.UNSET


class PatchMessage(msgspec.Struct, forbid_unknown_fields=True):
    is_pinned: bool


BulkAction = Literal["archive", "unarchive", "delete", "restore"]


class BulkRequest(msgspec.Struct, forbid_unknown_fields=True):
    action: BulkAction
    conversation_ids: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1, max_length=255)]],
        msgspec.Meta(min_length=1, max_length=100),
    ]


class CompactRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out comes from the conversation's policy. A null target is half of the context, or of its trigger."""

    strategy: Strategy | None = None
    keep_recent: KeepRecent | None = None
    target_tokens: TargetTokens | msgspec.UnsetType | None = msgspec.UNSET
    instructions: Instructions | None = None
    preview_only: bool = False


class AppendBatch(msgspec.Struct, forbid_unknown_fields=True):
    messages: Annotated[list[MessageIn], msgspec.Meta(min_length=1, max_length=100)]
