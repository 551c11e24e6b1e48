"""Real conversations cut at many points: what was said so far, and what was needed later."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from bench.compaction_evidence import Evidence
from domain.compaction.entries import Entry, groups_of
from domain.compaction.strategies import least_tokens
from domain.compaction.tools import Tools
from domain.events import NULL
from domain.tokens import LIST_TOKENS, message_tokens

LEAST_MESSAGES = 4
"""Said before a cut."""
LARGEST_SHARE = 0.50
ROOM = 12
"""Tokens beside what must stay: less is no context."""
Json = dict[str, Any]
Half = Literal["tune", "report"]
"""The weights were tuned on one half of the tasks; the figures that count are those of the other."""


class Case(msgspec.Struct, frozen=True):
    """`needed` are the argument values of later tool calls that stood there before the cut."""

    conversation: str
    entries: list[Entry]
    tokens: int
    """Of the context at the cut, system messages left out: those stay whatever the strategy."""
    least: int
    """What must stay costs alone: the last user message, open calls."""
    needed: list[str]
    evidence: list[Evidence]
    """For each later question and its answer that takes something up; in `compaction_sessions` and `compaction_dialogues` alone."""

    def budget(self, share: float) -> int | None:
        """None where it does not hold what must stay."""
        budget = int(self.tokens * share)
        return budget if budget >= self.least + ROOM else None


def conversations(path: Path) -> Iterator[tuple[str, list[Json]]]:
    """Names and messages, system messages left out."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            told = json.loads(line)
            yield told["id"], [m for m in told["messages"] if m["role"] != "system"]


def said_only(messages: list[Json]) -> list[Json]:
    """As if no tool had been used."""
    return [
        {"role": m["role"], "content": m["content"]}
        for m in messages
        if m["role"] != "tool" and m.get("content")
    ]


def cases(path: Path, tools: Tools, every: int, half: Half | None = None) -> Iterator[Case]:
    """One at every so many messages of each conversation."""
    for name, messages in conversations(path):
        if half is None or half == half_of(name):
            yield from _cuts(name, messages, tools, every)


def _cuts(name: str, messages: list[Json], tools: Tools, every: int) -> Iterator[Case]:
    entries = [entry_of_message(number, m, tools) for number, m in enumerate(messages, 1)]
    for cut in range(LEAST_MESSAGES, len(messages), every):
        said = "\n".join(_text(m) for m in messages[:cut])
        needed = [v for m in messages[cut:] for v in _arguments(m) if v in said]
        tokens = LIST_TOKENS + sum(entry.tokens for entry in entries[:cut])
        least = least_tokens(groups_of(entries[:cut]))
        if needed and tokens * LARGEST_SHARE >= least + ROOM:
            unique = list(dict.fromkeys(needed))
            yield Case(name, entries[:cut], tokens, least, unique, [])


def half_of(conversation: str) -> Half:
    """By the task, the first number of the name: tries at one task say the same things."""
    task = int(re.findall(r"\d+", conversation)[0])
    return "report" if task % 2 else "tune"


def entry_of_message(number: int, message: Json, tools: Tools) -> Entry:
    calls = message.get("tool_calls") or None
    tokens = message_tokens(
        tools.count,
        role=message["role"],
        content=message.get("content"),
        tool_calls=calls,
        name=message.get("name"),
    )
    return Entry(
        number,
        f"m{number}",
        message["role"],
        msgspec.Raw(msgspec.json.encode(message.get("content"))),
        tokens,
        msgspec.Raw(msgspec.json.encode(calls)) if calls else NULL,
        message.get("tool_call_id"),
        message.get("name"),
    )


def _text(message: Json) -> str:
    calls = " ".join(call["function"]["arguments"] for call in message.get("tool_calls") or ())
    return f"{message.get('content') or ''} {calls}"


def _arguments(message: Json) -> Iterator[str]:
    for call in message.get("tool_calls") or ():
        try:
            yield from _leaves(json.loads(call["function"]["arguments"]))
        except ValueError:
            yield call["function"]["arguments"]


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:  # pyright: ignore[reportUnknownVariableType]
            yield from _leaves(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
