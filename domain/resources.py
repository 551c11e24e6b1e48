"""The public shapes of a conversation, a message, a summary: what the API answers and the read models hold.

A message is made as JSON text, so that the caller's own JSON values stand in it byte for byte. What
can change later (`is_pinned`, `is_compacted`) stays out of the stored text and is added on reading:
compacting must not rewrite 100,000 rows.
"""

from datetime import datetime
from decimal import Decimal

import msgspec

from domain.compaction.summary_text import summary_body
from domain.events import ConversationCompacted, MessageAppended, Role, Source
from domain.policy import CompactionPolicy, Strategy
from domain.state import ConversationState, Status
from domain.summaries import Summarizer

encode = msgspec.json.Encoder(decimal_format="number").encode
"""Any resource as JSON: decimals as numbers, times in RFC 3339 with Z."""


class Conversation(msgspec.Struct, frozen=True):
    id: str
    assistant_id: str | None
    title: str | None
    source: Source
    status: Status
    user_id: str | None
    message_count: int
    total_input_tokens: int
    total_output_tokens: int
    total_cost_cents: Decimal
    metadata: dict[str, str]
    compaction: CompactionPolicy
    context_tokens: int
    version: int
    created_at: datetime
    updated_at: datetime
    last_message_at: datetime | None
    deleted_at: datetime | None


class StoredMessage(msgspec.Struct, frozen=True):
    """A message without the fields that can change."""

    id: str
    conversation_id: str
    sequence: int
    role: Role
    content: msgspec.Raw
    tool_calls: msgspec.Raw
    tool_call_id: str | None
    name: str | None
    model: str | None
    finish_reason: str | None
    extra: msgspec.Raw
    input_tokens: int
    output_tokens: int
    cost_cents: Decimal | None
    token_count: int
    metadata: dict[str, str]
    created_at: datetime
    kind: str | msgspec.UnsetType = msgspec.UNSET
    """Of an item of another kind than a message: its only content part is the item."""
    incomplete: str | msgspec.UnsetType = msgspec.UNSET
    """Of a message that was cut off: why."""


class Message(StoredMessage, frozen=True, kw_only=True):
    """A message as answered."""

    is_pinned: bool
    is_compacted: bool


class StoredSummary(msgspec.Struct, frozen=True):
    """A summary without the field that can change. Tokens are those of the whole context, as in the compaction."""

    id: str
    conversation_id: str
    strategy: Strategy
    content: str
    first_sequence: int
    last_sequence: int
    message_count: int
    tokens_before: int
    tokens_after: int
    summarizer: Summarizer
    created_at: datetime


class Summary(StoredSummary, frozen=True):
    """A summary as answered. `superseded`: a later summary stands for its messages, or none does any more."""

    superseded: bool


def conversation(conversation_id: str, state: ConversationState) -> Conversation:
    return Conversation(
        id=conversation_id,
        assistant_id=state.assistant_id,
        title=state.title,
        source=state.source,
        status=state.status,
        user_id=state.user_id,
        message_count=state.message_count,
        total_input_tokens=state.input_tokens,
        total_output_tokens=state.output_tokens,
        total_cost_cents=plain(state.cost_cents),
        metadata=dict(sorted(state.metadata.items())),
        compaction=state.compaction,
        context_tokens=state.context_tokens,
        version=state.version,
        created_at=state.created_at,
        updated_at=state.updated_at,
        last_message_at=state.last_message_at,
        deleted_at=state.deleted_at,
    )


def message_json(conversation_id: str, event: MessageAppended) -> bytes:
    """The message without `is_pinned` and `is_compacted`."""
    return encode(
        StoredMessage(
            id=event.message_id,
            conversation_id=conversation_id,
            sequence=event.sequence,
            role=event.role,
            content=event.content,
            tool_calls=event.tool_calls,
            tool_call_id=event.tool_call_id,
            name=event.name,
            model=event.model,
            finish_reason=event.finish_reason,
            extra=event.extra,
            input_tokens=event.input_tokens,
            output_tokens=event.output_tokens,
            cost_cents=None if event.cost_cents is None else plain(event.cost_cents),
            token_count=event.token_count,
            metadata=event.metadata,
            created_at=event.created_at,
            kind=msgspec.UNSET if event.kind == "message" else event.kind,
            incomplete=event.incomplete or msgspec.UNSET,
        )
    )


def summary_json(
    conversation_id: str, event: ConversationCompacted, occurred_at: datetime
) -> bytes:
    """The compaction's summary without `superseded`. Raises ValueError where it made none."""
    if event.summary_id is None or event.summarizer is None:
        raise ValueError("this compaction made no summary")
    return encode(
        StoredSummary(
            id=event.summary_id,
            conversation_id=conversation_id,
            strategy=event.strategy,
            content=summary_body(event.pieces, event.passages),
            first_sequence=event.first_sequence,
            last_sequence=event.last_sequence,
            message_count=event.summarized,
            tokens_before=event.tokens_before,
            tokens_after=event.tokens_after,
            summarizer=event.summarizer,
            created_at=occurred_at,
        )
    )


_SUPERSEDED = {flag: b',"superseded":%s}' % encode(flag) for flag in (False, True)}


def with_superseded(stored: bytes, *, superseded: bool) -> bytes:
    """The summary as answered."""
    return stored[:-1] + _SUPERSEDED[superseded]


_FLAGS = {
    (pinned, compacted): b',"is_pinned":%s,"is_compacted":%s}' % (encode(pinned), encode(compacted))
    for pinned in (False, True)
    for compacted in (False, True)
}


def with_flags(stored: bytes, *, is_pinned: bool, is_compacted: bool) -> bytes:
    """The message as answered."""
    return stored[:-1] + _FLAGS[is_pinned, is_compacted]


def plain(number: Decimal) -> Decimal:
    """The same number in one form, without trailing zeros, so that equal sums read equal."""
    if number == number.to_integral_value():
        return number.quantize(Decimal(1)) + 0  # and not -0
    return number.normalize()
