"""Messages as a context sees them, and the groups that stay or leave as one."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import msgspec

from domain.calls import call_ids
from domain.events import NULL
from domain.roles import Role
from domain.tokens import MISSING_RESULT_TOKENS, Count, message_tokens

_decode = msgspec.json.Decoder().decode


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A message that stands in a context, or may leave it."""

    sequence: int
    message_id: str
    role: Role
    content: msgspec.Raw
    tokens: int
    """What it costs, by the tokenizer of whoever asks."""
    tool_calls: msgspec.Raw = NULL
    tool_call_id: str | None = None
    name: str | None = None
    is_pinned: bool = False
    apart: int = 0
    """Of a message that left and is back by a pin: names the group with which it came. Calls and results are matched
    within it alone."""

    @property
    def is_instruction(self) -> bool:
        return self.role in ("system", "developer")

    def decoded_content(self) -> Any:
        """A string, a list of parts, or None."""
        return _decode(self.content)

    def decoded_calls(self) -> list[Any]:
        return _decode(self.tool_calls) or []


class Group(msgspec.Struct, frozen=True, dict=True):
    """A message, or one with tool calls and all their results: kept or compacted together."""

    entries: tuple[Entry, ...]
    missing: tuple[str, ...] = ()
    """Ids of calls without an answer, in the order of the calls."""
    is_orphan: bool = False
    """A result whose call was retracted: no model takes it, so it is never shown and costs nothing."""

    @cached_property
    def tokens(self) -> int:
        if self.is_orphan:
            return 0
        return sum(e.tokens for e in self.entries) + len(self.missing) * MISSING_RESULT_TOKENS

    @property
    def sequence(self) -> int:
        """Its place: that of its first message."""
        return self.entries[0].sequence

    @property
    def last_sequence(self) -> int:
        return self.entries[-1].sequence

    @property
    def role(self) -> Role:
        return self.entries[0].role

    @property
    def is_pinned(self) -> bool:
        return any(entry.is_pinned for entry in self.entries)


class _Open:
    """A group in the making."""

    __slots__ = ("calls", "entries", "is_orphan")

    def __init__(self, entry: Entry, calls: list[str], *, is_orphan: bool = False) -> None:
        self.entries = [entry]
        self.calls = calls
        self.is_orphan = is_orphan


def groups_of(entries: Iterable[Entry]) -> list[Group]:
    """In the order of their first messages.

    Call ids repeat: a result belongs to the nearest earlier unanswered call of its id, among those that never left the
    context, or within the group with which it was brought back.
    """
    made: list[_Open] = []
    waiting: dict[tuple[int, str], list[_Open]] = {}
    for entry in entries:
        if entry.role == "tool":
            callers = waiting.get((entry.apart, entry.tool_call_id or ""))
            if callers:
                caller = callers.pop()
                caller.entries.append(entry)
                caller.calls.remove(entry.tool_call_id or "")
            else:
                made.append(_Open(entry, [], is_orphan=True))
            continue
        calls = call_ids(entry.tool_calls) if entry.tool_calls != NULL else []
        group = _Open(entry, calls)
        made.append(group)
        for call_id in calls:
            waiting.setdefault((entry.apart, call_id), []).append(group)
    return [Group(tuple(g.entries), tuple(g.calls), g.is_orphan) for g in made]


def cost_of(groups: Sequence[Group]) -> int:
    return sum(group.tokens for group in groups)


def recounted(entry: Entry, count: Count) -> Entry:
    """By another tokenizer than the one that counted when the message came."""
    tokens = message_tokens(
        count,
        role=entry.role,
        content=entry.decoded_content(),
        tool_calls=entry.decoded_calls(),
        name=entry.name,
    )
    return msgspec.structs.replace(entry, tokens=tokens)
