"""What an event says outside: the data of a published event, one shape an event.

Apart from the stored shapes on purpose: `events` may change by an upcast, these only by a new version
beside the old one, because their readers are other people's programs. All fields are always there, as
null where there is nothing, but for content: what people wrote and named (texts, tool calls, titles,
names, metadata) is left out of a copy made without it.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar, assert_never

import msgspec
from msgspec import UNSET, Raw, UnsetType

from domain import events as e
from domain.policy import CompactionPolicy, Strategy
from domain.published_compaction import ConversationCompacted, compacted

Number = Annotated[Raw, msgspec.Meta(extra_json_schema={"type": "number"})]
"""A decimal as a JSON number, digit for digit."""

Time = Annotated[datetime, msgspec.Meta(tz=True)]


class Policy(msgspec.Struct, frozen=True):
    strategy: Strategy
    trigger_tokens: int
    keep_recent: int
    target_tokens: int | None


class ConversationStarted(msgspec.Struct, frozen=True):
    TYPE: ClassVar[str] = "conversation_started.v1"

    source: e.Source
    assistant_id: str | None
    user_id: str | None
    compaction: Policy
    created_at: Time
    title: str | UnsetType | None = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


class ConversationRetitled(msgspec.Struct, frozen=True):
    TYPE: ClassVar[str] = "conversation_retitled.v1"

    title: str | UnsetType | None = UNSET


class ConversationReassigned(msgspec.Struct, frozen=True):
    TYPE: ClassVar[str] = "conversation_reassigned.v1"

    assistant_id: str | None
    user_id: str | None


class MetadataChanged(msgspec.Struct, frozen=True):
    TYPE: ClassVar[str] = "metadata_changed.v1"

    set: dict[str, str] | UnsetType = UNSET
    removed: tuple[str, ...] | UnsetType = UNSET


class CompactionPolicyChanged(msgspec.Struct, frozen=True):
    TYPE: ClassVar[str] = "compaction_policy_changed.v1"

    compaction: Policy


class ConversationArchived(msgspec.Struct, frozen=True):
    TYPE: ClassVar[str] = "conversation_archived.v1"


class ConversationUnarchived(msgspec.Struct, frozen=True):
    TYPE: ClassVar[str] = "conversation_unarchived.v1"


class ConversationDeleted(msgspec.Struct, frozen=True):
    TYPE: ClassVar[str] = "conversation_deleted.v1"


class ConversationRestored(msgspec.Struct, frozen=True):
    TYPE: ClassVar[str] = "conversation_restored.v1"


class MessageAppended(msgspec.Struct, frozen=True):
    TYPE: ClassVar[str] = "message_appended.v1"

    message_id: str
    sequence: int
    kind: str
    role: e.Role
    tool_call_id: str | None
    model: str | None
    finish_reason: str | None
    incomplete: str | None
    input_tokens: int
    output_tokens: int
    cost_cents: Number | None
    token_count: int
    tokenizer: str
    context_tokens: int
    trigger_tokens: int
    created_at: Time
    content: Raw | UnsetType = UNSET
    tool_calls: Raw | UnsetType = UNSET
    name: str | UnsetType | None = UNSET
    extra: Raw | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


class MessageRetracted(msgspec.Struct, frozen=True):
    TYPE: ClassVar[str] = "message_retracted.v1"

    message_id: str
    sequence: int
    token_count: int
    reopens: dict[str, tuple[int, ...]] = {}
    closes: dict[str, tuple[int, ...]] = {}
    """Not required: these came later than the event."""


class MessagePinned(msgspec.Struct, frozen=True):
    TYPE: ClassVar[str] = "message_pinned.v1"

    message_id: str
    sequence: int
    returned: tuple[int, ...]
    context_tokens: int | None


class MessageUnpinned(msgspec.Struct, frozen=True):
    TYPE: ClassVar[str] = "message_unpinned.v1"

    message_id: str
    sequence: int
    context_tokens: int | None


PublishedEvent = (
    ConversationStarted
    | ConversationRetitled
    | ConversationReassigned
    | MetadataChanged
    | CompactionPolicyChanged
    | ConversationArchived
    | ConversationUnarchived
    | ConversationDeleted
    | ConversationRestored
    | MessageAppended
    | MessageRetracted
    | MessagePinned
    | MessageUnpinned
    | ConversationCompacted
)


def published_event(event: e.Event, *, content: bool) -> PublishedEvent:  # noqa: C901, PLR0911, PLR0912 - one branch an event
    """Total: an event without a published shape does not type."""
    match event:
        case e.ConversationStarted():
            return _started(event, content=content)
        case e.ConversationRetitled():
            return ConversationRetitled(event.title if content else UNSET)
        case e.ConversationReassigned():
            return ConversationReassigned(event.assistant_id, event.user_id)
        case e.MetadataChanged():
            if content:
                return MetadataChanged(event.set, event.removed)
            return MetadataChanged()
        case e.CompactionPolicyChanged():
            return CompactionPolicyChanged(_policy(event.compaction))
        case e.ConversationArchived():
            return ConversationArchived()
        case e.ConversationUnarchived():
            return ConversationUnarchived()
        case e.ConversationDeleted():
            return ConversationDeleted()
        case e.ConversationRestored():
            return ConversationRestored()
        case e.MessageAppended():
            return _appended(event, content=content)
        case e.MessageRetracted():
            return MessageRetracted(
                event.message_id, event.sequence, event.token_count, event.reopens, event.closes
            )
        case e.MessagePinned():
            return MessagePinned(
                event.message_id, event.sequence, event.returned, event.context_tokens
            )
        case e.MessageUnpinned():
            return MessageUnpinned(event.message_id, event.sequence, event.context_tokens)
        case e.ConversationCompacted():
            return compacted(event, content=content)
        case _:
            assert_never(event)


def _started(event: e.ConversationStarted, *, content: bool) -> ConversationStarted:
    return ConversationStarted(
        source=event.source,
        assistant_id=event.assistant_id,
        user_id=event.user_id,
        compaction=_policy(event.compaction),
        created_at=event.created_at,
        title=event.title if content else UNSET,
        metadata=event.metadata if content else UNSET,
    )


def _appended(event: e.MessageAppended, *, content: bool) -> MessageAppended:
    return MessageAppended(
        message_id=event.message_id,
        sequence=event.sequence,
        kind=event.kind,
        role=event.role,
        tool_call_id=event.tool_call_id,
        model=event.model,
        finish_reason=event.finish_reason,
        incomplete=event.incomplete,
        input_tokens=event.input_tokens,
        output_tokens=event.output_tokens,
        cost_cents=_number(event.cost_cents),
        token_count=event.token_count,
        tokenizer=event.tokenizer,
        context_tokens=event.context_tokens,
        trigger_tokens=event.trigger_tokens,
        created_at=event.created_at,
        content=event.content if content else UNSET,
        tool_calls=event.tool_calls if content else UNSET,
        name=event.name if content else UNSET,
        extra=event.extra if content else UNSET,
        metadata=event.metadata if content else UNSET,
    )


def _policy(policy: CompactionPolicy) -> Policy:
    return Policy(policy.strategy, policy.trigger_tokens, policy.keep_recent, policy.target_tokens)


def _number(decimal: Decimal | None) -> Raw | None:
    return None if decimal is None else Raw(f"{decimal:f}".encode())
