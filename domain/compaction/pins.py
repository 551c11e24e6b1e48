"""What pinning, unpinning and retracting a message does to the context: worked out on the messages themselves.

`entries` are the messages that stand in the context, and of a compacted message's neighbours all that may be of
its group; `last` is the event of the last compaction.
"""

from collections.abc import Iterable, Sequence

from domain.calls import OpenCalls, more_open, open_calls_of
from domain.commands import PinMessage, RetractMessage, UnpinMessage
from domain.compaction.engine import tokens_of, turns_now
from domain.compaction.entries import Entry, groups_of
from domain.compaction.loading import live_of
from domain.compaction.tools import Tools
from domain.events import (
    ConversationCompacted,
    Event,
    MessagePinned,
    MessageRetracted,
    MessageUnpinned,
)
from domain.state import ConversationState, evolve, has_left, live_cost
from domain.tokens import MISSING_RESULT_TOKENS


def pinning(
    state: ConversationState,
    entries: Sequence[Entry],
    last: ConversationCompacted | None,
    sequence: int,
    tools: Tools,
) -> PinMessage:
    name = _name(entries, sequence)
    if not has_left(state, sequence):
        return PinMessage(name, sequence)
    back = _brought_back(state, entries, sequence)
    pinned = MessagePinned(name, sequence, back)
    more = _change(state, pinned, entries, last, tools)
    return PinMessage(name, sequence, back, more, state.version)


def _brought_back(
    state: ConversationState, entries: Sequence[Entry], sequence: int
) -> tuple[int, ...]:
    """The message's group: that with which another pin brought it back, else among what is out of the context.

    Groups leave whole and come back whole, so neither what is in the context nor what is out of it holds a part of one.
    """
    compacted = state.compacted
    if compacted is None:
        return ()
    if held := compacted.returned_with(sequence):
        return held
    standing = frozenset(compacted.live())
    out = [e for e in entries if e.sequence <= compacted.upto and e.sequence not in standing]
    group = next(g for g in groups_of(out) if any(e.sequence == sequence for e in g.entries))
    return tuple(e.sequence for e in group.entries)


def unpinning(
    state: ConversationState,
    entries: Sequence[Entry],
    last: ConversationCompacted | None,
    sequence: int,
    tools: Tools,
) -> UnpinMessage:
    name = _name(entries, sequence)
    if state.compacted is None or not state.compacted.is_held_by(sequence):
        return UnpinMessage(name, sequence)
    unpinned = MessageUnpinned(name, sequence)
    more = _change(state, unpinned, entries, last, tools)
    return UnpinMessage(name, sequence, more, state.version)


def retracting(
    state: ConversationState,
    entries: Sequence[Entry],
    last: ConversationCompacted | None,
    sequence: int,
    tools: Tools,
) -> RetractMessage:
    """Results lose their call, a call loses its result and waits for one again, a summary loses its pieces."""
    name = _name(entries, sequence)
    retracted = MessageRetracted(name, sequence, 0)
    less = -_change(state, retracted, entries, last, tools)
    own = sum(sequences.count(sequence) for sequences in state.open_calls.values())
    after = evolve(state, retracted, state.version + 1, state.updated_at)
    waiting = waiting_calls(live_of(after, entries, last).entries)
    return RetractMessage(
        name,
        sequence,
        less - own * MISSING_RESULT_TOKENS,
        state.version,
        reopens=more_open(waiting, after.open_calls),
        closes=more_open(after.open_calls, waiting),
    )


def waiting_calls(live: Iterable[Entry]) -> OpenCalls:
    """The calls that have no answer in the context. What was compacted waits for none, pinned back or not."""
    waiting: OpenCalls = {}
    for group in groups_of(entry for entry in live if not entry.apart):
        waiting = open_calls_of(waiting, group.sequence, group.missing)
    return waiting


def _change(
    state: ConversationState,
    event: Event,
    entries: Sequence[Entry],
    last: ConversationCompacted | None,
    tools: Tools,
) -> int:
    """What the context costs more after the event."""
    after = evolve(state, event, state.version + 1, state.updated_at)
    return _cost(after, entries, last, tools) - _cost(state, entries, last, tools)


def _cost(
    state: ConversationState,
    entries: Sequence[Entry],
    last: ConversationCompacted | None,
    tools: Tools,
) -> int:
    return live_cost(tokens_of(turns_now(live_of(state, entries, last), tools)))


def _name(entries: Sequence[Entry], sequence: int) -> str:
    return next(entry.message_id for entry in entries if entry.sequence == sequence)
