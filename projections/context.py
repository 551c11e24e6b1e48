"""What a conversation's context is made of, as the read models have it: for all who build contexts.

`statement` and its values give one row, `context_rows` reads it, `live` is what the engine takes.
"""

from typing import Any

import msgspec

from domain import ids
from domain.compaction.engine import Live, Told
from domain.compaction.entries import Entry
from domain.compaction.loading import set_apart
from domain.roles import Role
from domain.state import ConversationState
from projections.queries import query
from projections.reading import Freshness, freshness_of

NAMES = ["conversations.v1", "messages.v1", "summaries.v1"]
"""The read models behind a context."""


class ContextRows(msgspec.Struct, frozen=True):
    """`state` is None where the read models know no such conversation."""

    freshness: Freshness
    status: str | None
    state: ConversationState | None
    told: Told | None
    entries: list[Entry]
    """Ascending; tokens as they were counted when each message came."""

    def live(self, *, whole: bool = False) -> Live:
        """`whole`: as if nothing had been compacted; then all messages must have been read."""
        compacted = self.state.compacted if self.state is not None else None
        if whole or compacted is None:
            return Live(self.entries)
        entries = set_apart(self.entries, compacted)
        return Live(entries, self.told, compacted.upto, compacted.untold())


def statement() -> bytes:
    return query("read_context")


def values(workspace: str, conversation: str, *, whole: bool = False) -> dict[str, Any]:
    """`whole`: every message, not only those in the context."""
    return {
        "workspace": workspace,
        "id": conversation,
        "stream": ids.stream_id(workspace, conversation),
        "names": NAMES,
        "whole": whole,
    }


_state = msgspec.json.Decoder(ConversationState).decode
_told = msgspec.json.Decoder(Told).decode


def context_rows(row: tuple[Any, ...]) -> ContextRows:
    """From a row of the statement."""
    checkpoint, last_event, head, parked, status, _, state, told, _, pinned, _ = row
    return ContextRows(
        freshness_of(checkpoint, last_event, head, parked=parked),
        status,
        None if state is None else _state(state),
        None if told is None else _told(told),
        [
            entry
            for message, pin in zip(messages_of(row), pinned or (), strict=True)
            if (entry := stored_entry(message, is_pinned=pin)) is not None
        ],
    )


def messages_of(row: tuple[Any, ...]) -> list[bytes]:
    """As a row of the statement has them: by them it can be told how long it takes to read."""
    return row[-1] or []


class _Stored(msgspec.Struct):
    id: str
    sequence: int
    role: Role
    content: msgspec.Raw
    tool_calls: msgspec.Raw
    tool_call_id: str | None
    name: str | None
    token_count: int
    kind: str = "message"


_stored = msgspec.json.Decoder(_Stored).decode


def stored_entry(message: bytes, *, is_pinned: bool) -> Entry | None:
    """From a message's ready JSON; None for an item of another kind, which is a message to no model."""
    stored = _stored(message)
    if stored.kind != "message":
        return None
    return Entry(
        stored.sequence,
        stored.id,
        stored.role,
        stored.content,
        stored.token_count,
        stored.tool_calls,
        stored.tool_call_id,
        stored.name,
        is_pinned,
    )
