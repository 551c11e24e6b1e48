"""What a command does: `decide(state, command)` gives the events, or raises a Refusal.

Nothing to do is `[]`. Pure: the same state and command give the same events.
"""

from typing import assert_never

import msgspec

from domain import commands as c
from domain import events as e
from domain import refusals as r
from domain.calls import OpenCalls, call_ids, close_call, open_calls_of
from domain.state import ConversationState, context_cost, has_left, live_cost
from domain.tokens import MISSING_RESULT_TOKENS

MAX_METADATA_PAIRS = 16
MAX_MESSAGES = 10_000_000
"""Of one conversation: far beyond use, and small enough for every integer in the read models."""


def decide(state: ConversationState | None, command: c.Command) -> list[e.Event]:  # noqa: C901, PLR0911, PLR0912 - one branch a command
    if isinstance(command, c.StartConversation):
        return _start(state, command)
    if state is None:
        raise r.ConversationNotFound
    if isinstance(command, c.DeleteConversation):
        return [] if state.deleted_at is not None else [e.ConversationDeleted()]
    if isinstance(command, c.RestoreConversation):
        return [] if state.deleted_at is None else [e.ConversationRestored()]
    if state.deleted_at is not None:
        raise r.ConversationIsDeleted
    match command:
        case c.AppendMessages():
            return _append(state, command)
        case c.UpdateConversation():
            return _update(state, command)
        case c.PinMessage():
            _must_stand(state, command.sequence)
            return [] if command.sequence in state.pinned else [_pin(state, command)]
        case c.UnpinMessage():
            _must_stand(state, command.sequence)
            return [_unpin(state, command)] if command.sequence in state.pinned else []
        case c.RetractMessage():
            if command.sequence in state.retracted:
                return []
            if command.thought_at not in (None, state.version):
                raise r.CompactionOvertaken
            less = command.token_count + _repairs(state.open_calls, command.sequence)
            return [
                e.MessageRetracted(
                    command.message_id, command.sequence, less, command.reopens, command.closes
                )
            ]
        case c.CompactConversation():
            return _compact(state, command)
        case _:
            assert_never(command)


def _pin(state: ConversationState, command: c.PinMessage) -> e.MessagePinned:
    """A compacted message comes back, and what that costs must have been worked out on what stands now."""
    cost = None
    if has_left(state, command.sequence):
        cost = _changed_cost(state, command.more_tokens, command.thought_at)
    return e.MessagePinned(command.message_id, command.sequence, command.returned, cost)


def _unpin(state: ConversationState, command: c.UnpinMessage) -> e.MessageUnpinned:
    cost = None
    if state.compacted is not None and state.compacted.is_held_by(command.sequence):
        cost = _changed_cost(state, command.more_tokens, command.thought_at)
    return e.MessageUnpinned(command.message_id, command.sequence, cost)


def _changed_cost(state: ConversationState, more_tokens: int | None, thought_at: int) -> int:
    if more_tokens is None or state.reshaped > thought_at:
        raise r.CompactionOvertaken
    return context_cost(state.live_tokens + more_tokens)


def _repairs(open_calls: OpenCalls, sequence: int) -> int:
    """What the missing answers to this message's calls cost."""
    missing = sum(sequences.count(sequence) for sequences in open_calls.values())
    return missing * MISSING_RESULT_TOKENS


def _compact(state: ConversationState, command: c.CompactConversation) -> list[e.Event]:
    """Messages that came meanwhile are in the context as they are; anything else makes it void."""
    thought = command.compacted
    if state.reshaped > command.thought_at:
        raise r.CompactionOvertaken
    if not thought.compacted and not thought.superseded:
        return []
    saved = live_cost(thought.tokens_before) - live_cost(thought.tokens_after)
    after = context_cost(state.live_tokens - saved)
    return [
        msgspec.structs.replace(thought, tokens_before=state.context_tokens, tokens_after=after)
    ]


def _must_stand(state: ConversationState, sequence: int) -> None:
    if sequence in state.retracted:
        raise r.MessageNotFound("message_id")


def _start(state: ConversationState | None, command: c.StartConversation) -> list[e.Event]:
    if state is not None:
        raise r.ConversationExists("id")
    if len(command.metadata) > MAX_METADATA_PAIRS:
        raise r.TooMuchMetadata("metadata")
    started = e.ConversationStarted(
        source=command.source,
        compaction=command.compaction,
        created_at=command.created_at,
        assistant_id=command.assistant_id,
        user_id=command.user_id,
        title=command.title,
        metadata=command.metadata,
    )
    return [started, *_messages(None, command.messages, command.compaction.trigger_tokens)]


def _append(state: ConversationState, command: c.AppendMessages) -> list[e.Event]:
    if state.last_sequence + len(command.messages) > MAX_MESSAGES:
        raise r.ConversationIsFull
    appended = _messages(
        state, command.messages, state.compaction.trigger_tokens, in_list=command.in_list
    )
    if appended and state.archived:
        return [e.ConversationUnarchived(), *appended]
    return [*appended]


def _messages(
    state: ConversationState | None,
    messages: tuple[c.NewMessage, ...],
    trigger_tokens: int,
    *,
    in_list: bool = True,
) -> list[e.MessageAppended]:
    """The messages as events, on from where the conversation stands: each sees those before it."""
    sequence = state.last_sequence if state else 0
    live_tokens = state.live_tokens if state else 0
    open_calls: OpenCalls = state.open_calls if state else {}
    appended: list[e.MessageAppended] = []
    seen: set[str] = set()
    for index, message in enumerate(messages):
        path = f"messages[{index}]." if in_list else ""
        if message.message_id in seen:
            raise r.MessageExists(f"{path}id")
        seen.add(message.message_id)
        sequence += 1
        live_tokens += message.token_count + _repaired(message)
        open_calls = _answered(message, sequence, open_calls, path)
        appended.append(
            e.MessageAppended(
                message_id=message.message_id,
                sequence=sequence,
                role=message.role,
                content=message.content,
                input_tokens=message.input_tokens,
                output_tokens=message.output_tokens,
                token_count=message.token_count,
                tokenizer=message.tokenizer,
                created_at=message.created_at,
                context_tokens=context_cost(live_tokens),
                trigger_tokens=trigger_tokens,
                kind=message.kind,
                tool_calls=message.tool_calls,
                tool_call_id=message.tool_call_id,
                name=message.name,
                model=message.model,
                finish_reason=message.finish_reason,
                extra=message.extra,
                incomplete=message.incomplete,
                cost_cents=message.cost_cents,
                metadata=message.metadata,
            )
        )
    return appended


def _repaired(message: c.NewMessage) -> int:
    """A call costs its missing answer until it is there."""
    if message.role == "tool":
        return -MISSING_RESULT_TOKENS
    return len(call_ids(message.tool_calls)) * MISSING_RESULT_TOKENS


def _answered(message: c.NewMessage, sequence: int, open_calls: OpenCalls, path: str) -> OpenCalls:
    """The open calls after the message; a call of the same batch counts as earlier."""
    if message.role != "tool":
        return open_calls_of(open_calls, sequence, call_ids(message.tool_calls))
    if message.tool_call_id not in open_calls:
        raise r.UnmatchedToolCall(f"{path}tool_call_id")
    return close_call(open_calls, message.tool_call_id)


def _update(state: ConversationState, command: c.UpdateConversation) -> list[e.Event]:
    unset = msgspec.UNSET
    events: list[e.Event] = []
    if command.title is not unset and command.title != state.title:
        events.append(e.ConversationRetitled(command.title))
    assistant = state.assistant_id if command.assistant_id is unset else command.assistant_id
    user = state.user_id if command.user_id is unset else command.user_id
    if (assistant, user) != (state.assistant_id, state.user_id):
        events.append(e.ConversationReassigned(assistant, user))
    if command.metadata is not unset:
        gone = dict.fromkeys(state.metadata) if command.whole_metadata else {}
        events += _metadata(state.metadata, gone | command.metadata)
    if command.compaction is not unset:
        events += _policy(state, command.compaction)
    if command.archived is not unset and command.archived != state.archived:
        events.append(e.ConversationArchived() if command.archived else e.ConversationUnarchived())
    return events


def _metadata(old: dict[str, str], patch: dict[str, str | None]) -> list[e.Event]:
    changed = {k: v for k, v in patch.items() if v is not None and old.get(k) != v}
    removed = tuple(k for k, v in patch.items() if v is None and k in old)
    if len(old.keys() - set(removed) | changed.keys()) > MAX_METADATA_PAIRS:
        raise r.TooMuchMetadata("metadata")
    return [e.MetadataChanged(changed, removed)] if changed or removed else []


def _policy(state: ConversationState, patch: c.PolicyPatch) -> list[e.Event]:
    fields = msgspec.structs.asdict(patch)
    given = {name: value for name, value in fields.items() if value is not msgspec.UNSET}
    policy = msgspec.structs.replace(state.compaction, **given)
    return [] if policy == state.compaction else [e.CompactionPolicyChanged(policy)]
