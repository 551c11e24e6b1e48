"""A context as OpenAI's chat completions take it.

Each message as it was sent, a caller's JSON byte for byte. Results follow their call at once, as the API demands;
a call without one gets a marked synthetic result.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from domain.compaction.entries import Entry, Group
from domain.compaction.turns import SummaryTurn, Turns
from domain.events import NULL
from domain.tokens import MISSING_RESULT


class OpenAIMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    role: str
    content: msgspec.Raw | str | msgspec.UnsetType = msgspec.UNSET
    tool_calls: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    tool_call_id: str | msgspec.UnsetType = msgspec.UNSET
    name: str | msgspec.UnsetType = msgspec.UNSET


def openai_messages(turns: Turns) -> list[OpenAIMessage]:
    return list(_messages(turns))


def _messages(turns: Turns) -> Iterator[OpenAIMessage]:
    for group in turns.before:
        yield from _group(group)
    if turns.summary is not None:
        yield summary_message(turns.summary)
    for group in turns.after:
        yield from _group(group)


def summary_message(summary: SummaryTurn) -> OpenAIMessage:
    return OpenAIMessage("user", summary.content)


def _group(group: Group) -> Iterator[OpenAIMessage]:
    first = group.entries[0]
    renamed = _renamed(first) if first.tool_calls != NULL else None
    yield _message(first, renamed.calls if renamed is not None else first.tool_calls)
    for entry in group.entries[1:]:
        name = entry.tool_call_id or ""
        yield _message(entry, NULL, renamed.next_of(name) if renamed is not None else name)
    for call_id in group.missing:
        name = renamed.next_of(call_id) if renamed is not None else call_id
        yield OpenAIMessage("tool", MISSING_RESULT, tool_call_id=name)


def _message(entry: Entry, calls: msgspec.Raw, answers: str | None = None) -> OpenAIMessage:
    return OpenAIMessage(
        role=entry.role,
        content=entry.content,
        tool_calls=msgspec.UNSET if calls == NULL else calls,
        tool_call_id=answers if answers is not None else msgspec.UNSET,
        name=entry.name if entry.name is not None else msgspec.UNSET,
    )


class _Renamed:
    """Calls of one message whose id it holds twice: every later one gets a suffix, and so does its result."""

    def __init__(self, calls: list[Any]) -> None:
        self._names: dict[str, list[str]] = {}
        taken = {call["id"] for call in calls if _has_id(call)}
        for call in calls:
            if not _has_id(call):
                continue
            names = self._names.setdefault(call["id"], [])
            name, number = call["id"], 1
            while names and name in taken:
                number += 1
                name = f"{call['id']}_{number}"
            taken.add(name)
            names.append(name)
            call["id"] = name
        self.calls = msgspec.Raw(msgspec.json.encode(calls))

    def next_of(self, call_id: str) -> str:
        """The name of the next call of this id that has no answer yet."""
        return self._names[call_id].pop(0)


def _renamed(entry: Entry) -> _Renamed | None:
    """None where no id stands twice, which is nearly always."""
    calls = entry.decoded_calls()
    ids = [call["id"] for call in calls if _has_id(call)]
    return _Renamed(calls) if len(set(ids)) < len(ids) else None


def _has_id(call: Any) -> bool:
    match call:
        case {"id": str()}:
            return True
        case _:
            return False
