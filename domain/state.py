"""A conversation as it stands: what decisions need, and what its public resource shows.

No texts and no set of all message ids: the state of a conversation of 100,000 messages is as small as
that of ten, so that an append does not get slower as the conversation grows. What does grow with use
is kept as numbers: pins, retractions, and tool calls that nobody answered.
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal, assert_never

import msgspec
from msgspec.structs import replace

from domain import events as e
from domain.calls import (
    OpenCalls,
    call_ids,
    changed_calls,
    close_call,
    open_calls_of,
    withdraw_calls,
)
from domain.compacted import Compacted, brought_back, compacted_again, taken_back, without
from domain.policy import CompactionPolicy
from domain.tokens import LIST_TOKENS

Status = Literal["active", "archived", "deleted"]

ZERO = Decimal(0)


class ConversationState(msgspec.Struct, frozen=True):
    """Frozen: a fold step returns a new state, so that a cached one can be shared."""

    version: int
    source: e.Source
    compaction: CompactionPolicy
    created_at: datetime
    updated_at: datetime
    """When the last event of any kind occurred."""
    assistant_id: str | None = None
    user_id: str | None = None
    title: str | None = None
    metadata: dict[str, str] = {}
    archived: bool = False
    """Kept through a deletion, so that a restored conversation stands as it stood."""
    deleted_at: datetime | None = None
    last_sequence: int = 0
    message_count: int = 0
    """Messages that were not retracted."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_cents: Decimal = ZERO
    """Totals of what was used: a retracted message was paid for and stays in all three."""
    live_tokens: int = 0
    """What the context costs, without the list's own: its messages, the summary, repairs."""
    last_message_at: datetime | None = None
    """The latest `created_at` of a message, a retracted one too: the state keeps no times to fall back on."""
    pinned: frozenset[int] = frozenset()
    """Sequences of pinned messages."""
    open_calls: OpenCalls = {}
    """Tool calls without an answer."""
    retracted: frozenset[int] = frozenset()
    """Sequences of retracted messages: few, and a second retraction must change nothing."""
    compacted: Compacted | None = None
    """What left the context; None before the first compaction."""
    reshaped: int = 0
    """Version of the last event that changed how earlier messages stand in the context: what was thought
    of them before is void."""

    @property
    def status(self) -> Status:
        if self.deleted_at is not None:
            return "deleted"
        return "archived" if self.archived else "active"

    @property
    def context_tokens(self) -> int:
        return context_cost(self.live_tokens)


def is_compacted(state: ConversationState, sequence: int) -> bool:
    """Whether the message has left the context."""
    return state.compacted is not None and state.compacted.is_compacted(sequence)


def has_left(state: ConversationState, sequence: int) -> bool:
    """Whether the message was compacted: then a pin changes the context, whether or not another brought it back."""
    compacted = state.compacted
    return compacted is not None and sequence <= compacted.upto and sequence not in compacted.early


def context_cost(live_tokens: int) -> int:
    """An empty context costs nothing; any other costs its messages and the list."""
    return live_tokens + LIST_TOKENS if live_tokens else 0


def live_cost(context_tokens: int) -> int:
    """The other way round."""
    return max(0, context_tokens - LIST_TOKENS)


def weight(state: ConversationState) -> int:
    """About how many bytes the state occupies: what a cache should count."""
    strings = sum(4 * (len(key) + len(value)) + 110 for key, value in state.metadata.items())
    calls = sum(4 * len(call_id) + 220 for call_id in state.open_calls)
    numbers = len(state.pinned) + len(state.retracted)
    if state.compacted is not None:
        numbers += len(state.compacted.early)
        numbers += sum(len(members) + 2 for members in state.compacted.returned.values())
        numbers += sum(len(members) + 2 for members in state.compacted.groups)
    return 1_000 + 4 * len(state.title or "") + strings + calls + 90 * numbers


def evolve(  # noqa: C901, PLR0912 - one branch an event: a closed list, read from top to bottom
    state: ConversationState | None, event: e.Event, version: int, occurred_at: datetime
) -> ConversationState:
    """The fold. Total: an event without a rule does not type.

    Raises ValueError where a stream does not begin with its one start, which no log of ours holds.
    """
    if state is None and isinstance(event, e.ConversationStarted):
        return ConversationState(
            version=version,
            source=event.source,
            compaction=event.compaction,
            created_at=event.created_at,
            updated_at=occurred_at,
            assistant_id=event.assistant_id,
            user_id=event.user_id,
            title=event.title,
            metadata=event.metadata,
        )
    if state is None:
        raise ValueError(f"a stream begins with a ConversationStarted, not a {event.NAME}")
    match event:
        case e.MessageAppended():
            return _appended(state, event, version, occurred_at)
        case e.MessageRetracted():
            state = _retracted(state, event, version)
        case e.MessagePinned():
            pinned = state.pinned | {event.sequence}
            state = _reshaped(replace(state, pinned=pinned), event.context_tokens, version)
            state = replace(state, compacted=brought_back(state.compacted, event))
        case e.MessageUnpinned():
            pinned = state.pinned - {event.sequence}
            state = _reshaped(replace(state, pinned=pinned), event.context_tokens, version)
            state = replace(state, compacted=taken_back(state.compacted, event.sequence))
        case e.ConversationCompacted():
            compacted = compacted_again(state.compacted, event, state.retracted, version)
            state = _reshaped(state, event.tokens_after, version)
            state = replace(state, compacted=compacted)
        case e.ConversationRetitled():
            state = replace(state, title=event.title)
        case e.ConversationReassigned():
            state = replace(state, assistant_id=event.assistant_id, user_id=event.user_id)
        case e.MetadataChanged():
            kept = {k: v for k, v in state.metadata.items() if k not in event.removed}
            state = replace(state, metadata=kept | event.set)
        case e.CompactionPolicyChanged():
            state = replace(state, compaction=event.compaction)
        case e.ConversationArchived():
            state = replace(state, archived=True)
        case e.ConversationUnarchived():
            state = replace(state, archived=False)
        case e.ConversationDeleted():
            state = replace(state, deleted_at=occurred_at)
        case e.ConversationRestored():
            state = replace(state, deleted_at=None)
        case e.ConversationStarted():
            raise ValueError("a stream holds one ConversationStarted, as its first event")
        case _:
            assert_never(event)
    return replace(state, version=version, updated_at=occurred_at)


def _appended(
    state: ConversationState, event: e.MessageAppended, version: int, occurred_at: datetime
) -> ConversationState:
    """In one step, not two: this is the fold of nearly every event there is."""
    last = state.last_message_at
    if event.role == "tool":
        open_calls = close_call(state.open_calls, event.tool_call_id)
    else:
        open_calls = open_calls_of(state.open_calls, event.sequence, call_ids(event.tool_calls))
    return replace(
        state,
        version=version,
        updated_at=occurred_at,
        last_sequence=event.sequence,
        message_count=state.message_count + 1,
        input_tokens=state.input_tokens + event.input_tokens,
        output_tokens=state.output_tokens + event.output_tokens,
        cost_cents=state.cost_cents + (event.cost_cents or ZERO),
        live_tokens=live_cost(event.context_tokens),
        last_message_at=event.created_at if last is None else max(last, event.created_at),
        open_calls=open_calls,
    )


def _retracted(
    state: ConversationState, event: e.MessageRetracted, version: int
) -> ConversationState:
    """It leaves the context and the count, its pin goes, its calls can no longer be answered, those it answered can."""
    left = withdraw_calls(state.open_calls, event.sequence)
    return replace(
        state,
        message_count=state.message_count - 1,
        live_tokens=state.live_tokens - event.token_count,
        pinned=state.pinned - {event.sequence},
        open_calls=changed_calls(left, event.reopens, event.closes),
        retracted=state.retracted | {event.sequence},
        compacted=without(state.compacted, event.sequence),
        reshaped=version,
    )


def _reshaped(
    state: ConversationState, context_tokens: int | None, version: int
) -> ConversationState:
    if context_tokens is None:
        return replace(state, reshaped=version)
    return replace(state, live_tokens=live_cost(context_tokens), reshaped=version)
