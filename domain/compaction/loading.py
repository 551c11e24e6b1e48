"""From a state and what was loaded for it to what stands in the context."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from domain.compacted import Compacted
from domain.compaction.engine import Live, Told
from domain.compaction.entries import Entry
from domain.events import ConversationCompacted, MessageAppended
from domain.state import ConversationState


def entry_of(event: MessageAppended, *, is_pinned: bool, tokens: int) -> Entry:
    return Entry(
        sequence=event.sequence,
        message_id=event.message_id,
        role=event.role,
        content=event.content,
        tokens=tokens,
        tool_calls=event.tool_calls,
        tool_call_id=event.tool_call_id,
        name=event.name,
        is_pinned=is_pinned,
    )


def told_of(event: ConversationCompacted | None) -> Told | None:
    """The summary of the last compaction; None where there is none."""
    if event is None or event.summary_id is None:
        return None
    return Told(
        event.summary_id,
        event.pieces,
        event.passages,
        event.told,
    )


def live_of(
    state: ConversationState,
    entries: Iterable[Entry],
    last: ConversationCompacted | None,
    again: Sequence[Entry] = (),
) -> Live:
    """`entries` may hold more than what is live; `last` is the last compaction's event; `again` as in Live."""
    compacted = state.compacted
    if compacted is None:
        return Live([entry for entry in entries if entry.sequence not in state.retracted])
    early = set(compacted.live())
    live = [
        entry
        for entry in entries
        if (entry.sequence > compacted.upto or entry.sequence in early)
        and entry.sequence not in state.retracted
    ]
    told = told_of(last)
    return Live(set_apart(live, compacted), told, compacted.upto, compacted.untold(), again)


def set_apart(entries: Iterable[Entry], compacted: Compacted | None) -> list[Entry]:
    """What stands in the context, with those marked that pins brought back: group by group."""
    if compacted is None:
        return list(entries)
    places = {sequence: group[0] for group in compacted.back() for sequence in group}
    return [
        replace(entry, apart=places[entry.sequence]) if entry.sequence in places else entry
        for entry in entries
    ]
