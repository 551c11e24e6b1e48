"""A conversation as it stands: what decisions need, and what its public resource shows.

No texts and no set of all message ids: the state of a conversation of 100,000 messages is as small as
that of ten, so that an append does not get slower as the conversation grows.
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal, assert_never

import msgspec

from domain import events as e
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
    assistant_id: str | None = None
    user_id: str | None = None
    title: str | None = None
    metadata: dict[str, str] = {}
    archived: bool = False
    deleted_at: datetime | None = None
    last_sequence: int = 0
    message_count: int = 0
    """Messages that were not retracted."""
    input_tokens: int = 0
    output_tokens: int = 0
    """Totals of what was used: a retracted message was paid for and stays in them."""
    cost_cents: Decimal = ZERO
    live_tokens: int = 0
    """Token counts of the messages in the context, without the list's own."""
    last_message_at: datetime | None = None
    pinned: frozenset[int] = frozenset()
    """Sequences of pinned messages."""
    open_calls: dict[str, int] = {}
    """Tool calls without an answer: how many of each id (real histories repeat ids)."""
    retracted: frozenset[int] = frozenset()
    """Sequences of retracted messages: few, and a second retraction must be refused."""

    @property
    def status(self) -> Status:
        if self.deleted_at is not None:
            return "deleted"
        return "archived" if self.archived else "active"

    @property
    def context_tokens(self) -> int:
        return context_cost(self.live_tokens)


def context_cost(live_tokens: int) -> int:
    """An empty context costs nothing; any other costs its messages and the list."""
    return live_tokens + LIST_TOKENS if live_tokens else 0


def weight(state: ConversationState) -> int:
    """About how many bytes the state occupies: what a cache should count."""
    strings = sum(len(key) + len(value) + 160 for key, value in state.metadata.items())
    return (
        1_000
        + strings
        + 90 * (len(state.pinned) + len(state.retracted))
        + 150 * len(state.open_calls)
    )


def evolve(  # noqa: C901, PLR0912 - one branch an event: a closed list, read from top to bottom
    state: ConversationState | None, event: e.Event, version: int, occurred_at: datetime
) -> ConversationState:
    """The fold. Total: an event without a rule does not type.

    Raises ValueError where the first event is not a start, which no log of ours holds.
    """
    if isinstance(event, e.ConversationStarted):
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
    replace = msgspec.structs.replace
    match event:
        case e.MessageAppended():
            state = _appended(state, event)
        case e.MessageRetracted():
            state = _retracted(state, event)
        case e.MessagePinned():
            state = replace(state, pinned=state.pinned | {event.sequence})
        case e.MessageUnpinned():
            state = replace(state, pinned=state.pinned - {event.sequence})
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
        case _:
            assert_never(event)
    return replace(state, version=version, updated_at=occurred_at)


def _appended(state: ConversationState, event: e.MessageAppended) -> ConversationState:
    last = state.last_message_at
    return msgspec.structs.replace(
        state,
        last_sequence=event.sequence,
        message_count=state.message_count + 1,
        input_tokens=state.input_tokens + event.input_tokens,
        output_tokens=state.output_tokens + event.output_tokens,
        cost_cents=state.cost_cents + (event.cost_cents or ZERO),
        live_tokens=state.live_tokens + event.token_count,
        last_message_at=event.created_at if last is None else max(last, event.created_at),
        open_calls=_calls_after(state.open_calls, event),
    )


def _calls_after(open_calls: dict[str, int], event: e.MessageAppended) -> dict[str, int]:
    if event.role == "tool" and event.tool_call_id is not None:
        return close_call(open_calls, event.tool_call_id)
    return open_more(open_calls, call_ids(event.tool_calls))


def _retracted(state: ConversationState, event: e.MessageRetracted) -> ConversationState:
    """Calls of a retracted message stay answerable: their results may be on their way."""
    return msgspec.structs.replace(
        state,
        message_count=state.message_count - 1,
        live_tokens=state.live_tokens - event.token_count,
        pinned=state.pinned - {event.sequence},
        retracted=state.retracted | {event.sequence},
    )


def open_more(open_calls: dict[str, int], ids: tuple[str, ...]) -> dict[str, int]:
    if not ids:
        return open_calls
    more = dict(open_calls)
    for call_id in ids:
        more[call_id] = more.get(call_id, 0) + 1
    return more


def close_call(open_calls: dict[str, int], call_id: str) -> dict[str, int]:
    fewer = dict(open_calls)
    left = fewer.pop(call_id, 0) - 1
    if left > 0:
        fewer[call_id] = left
    return fewer


class _Call(msgspec.Struct):
    id: str | None = None


_decode_calls = msgspec.json.Decoder(list[_Call] | None).decode


def call_ids(tool_calls: msgspec.Raw) -> tuple[str, ...]:
    """The ids of the calls in this JSON (an array, or null), in order; calls without one are left out."""
    if tool_calls == e.NULL:
        return ()
    return tuple(call.id for call in _decode_calls(tool_calls) or () if call.id is not None)
