"""Which groups stay in a context and which leave it: the four strategies.

Mandatory whatever the strategy: system and developer messages, pins with their groups, open tool calls with their
group, the last user message.
"""

from collections.abc import Sequence
from typing import assert_never

import msgspec

from domain.compaction.entries import Group, cost_of
from domain.policy import Strategy
from domain.refusals import ContextBudgetTooSmall
from domain.tokens import LIST_TOKENS

TAIL = 4
"""`hybrid` keeps the newest groups up to a quarter of what the target leaves, `summarization` up to the other three."""
ROOMY = 2
TIGHT = 8
"""A target of half the tokens now or more gives `hybrid` its whole tail; a smaller one in proportion less, an eighth and
below a quarter of it: where little fits, a message word for word costs several facts."""
SUMMARY = 32
"""Tokens that the newest messages leave to a summary that must tell of the others, if there are as many: its message and a sentence."""
UNBOUNDED = 1 << 62
FLOOR = 8
"""Without a target of its own, a context keeps at least an eighth of what need not stay."""


class Wanted(msgspec.Struct, frozen=True):
    """What is asked for. A target of None is half of the smaller of the trigger and the tokens now."""

    strategy: Strategy
    keep_recent: int
    target_tokens: int | None
    trigger_tokens: int
    asked_as: str = "target_tokens"
    """What the caller calls the target: a refusal names it."""


class Split(msgspec.Struct, frozen=True):
    stay: list[Group]
    leave: list[Group]
    room: int
    """Tokens that are left for a summary, its message's own included; 0 for none."""
    must_tell: bool = False
    """Whether nothing may leave without a word in the summary: one is wanted, and nobody asked for so few tokens."""


def split(groups: Sequence[Group], tokens_now: int, place: int, wanted: Wanted) -> Split:
    """`place` is that of the summary now. Raises ContextBudgetTooSmall where an explicit target is below what must stay."""
    needed = {index for index, group in enumerate(groups) if _is_mandatory(group)}
    needed |= _last_word(groups)
    least = LIST_TOKENS + cost_of([groups[index] for index in needed]) if needed else 0
    target = _target(tokens_now, least, wanted)
    left = target - least
    must_tell = wanted.strategy != "sliding_window" and wanted.target_tokens is None
    most = left - SUMMARY if must_tell else left
    match wanted.strategy:
        case "none":
            return Split(list(groups), [], 0)
        case "sliding_window":
            given = left if wanted.target_tokens is not None else UNBOUNDED
            kept = _tail(groups, needed, wanted.keep_recent, given)
            room = 0
        case "summarization":
            newest = min(left - left // TAIL, most)
            kept = _tail(groups, needed, wanted.keep_recent, newest)
            room = left
        case "hybrid":
            newest = min(_newest(left // TAIL, target, tokens_now), most)
            kept = _tail(groups, needed, wanted.keep_recent, newest)
            room = left
        case _:
            assert_never(wanted.strategy)
    kept = _from_a_user(groups, needed, kept, place)
    stay = [group for index, group in enumerate(groups) if index in kept]
    leave = [group for index, group in enumerate(groups) if index not in kept]
    spent = cost_of([groups[index] for index in kept - needed])
    return Split(stay, leave, max(0, room - spent) if room else 0, must_tell)


def least_tokens(groups: Sequence[Group]) -> int:
    """What the mandatory parts cost alone."""
    needed = [group for group in groups if _is_mandatory(group)]
    last = _last_word(groups)
    needed += [groups[index] for index in last if not _is_mandatory(groups[index])]
    return LIST_TOKENS + cost_of(needed) if needed else 0


def _target(tokens_now: int, least: int, wanted: Wanted) -> int:
    if wanted.target_tokens is not None:
        if least > wanted.target_tokens and wanted.strategy != "none":
            raise ContextBudgetTooSmall(wanted.asked_as, needed=least)
        return wanted.target_tokens
    half = min(wanted.trigger_tokens, tokens_now) // 2
    return max(half, least + max(0, tokens_now - least) // FLOOR)


def _newest(most: int, target: int, tokens_now: int) -> int:
    """Tokens for the tail of `hybrid`."""
    if target * ROOMY >= tokens_now:
        return most
    return max(most * ROOMY // TIGHT, most * ROOMY * target // tokens_now)


def _is_mandatory(group: Group) -> bool:
    if group.is_orphan:
        return False
    return group.role in ("system", "developer") or group.is_pinned or bool(group.missing)


def _last_word(groups: Sequence[Group]) -> set[int]:
    """The last user message; where nobody asked anything, the last there is: no context is left empty."""
    last = len(groups)
    for index in range(len(groups) - 1, -1, -1):
        if groups[index].role == "user":
            return {index}
        if last == len(groups) and not groups[index].is_orphan:
            last = index
    return {last} if last < len(groups) else set()


def _tail(groups: Sequence[Group], needed: set[int], most: int, left: int) -> set[int]:
    """The mandatory groups, and the newest others that follow each other, within messages and tokens."""
    kept = set(needed)
    messages = 0
    for index in range(len(groups) - 1, -1, -1):
        group = groups[index]
        if group.role in ("system", "developer"):
            continue
        messages += len(group.entries)
        if index in needed:
            continue
        left -= group.tokens
        if messages > most or left < 0:
            break
        kept.add(index)
    return kept


def _from_a_user(groups: Sequence[Group], needed: set[int], kept: set[int], place: int) -> set[int]:
    """What follows the summary begins with a user message, where there is one."""
    while True:
        gone = [group.last_sequence for index, group in enumerate(groups) if index not in kept]
        after = [index for index in sorted(kept) if groups[index].sequence > max([place, *gone])]
        if not (gone or place) or not any(groups[index].role == "user" for index in after):
            return kept
        if groups[after[0]].role == "user" or after[0] in needed:
            return kept
        kept = kept - {after[0]}
