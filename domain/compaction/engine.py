"""One pure function for compact, preview, context and the worker: what stays, what leaves, what the summary says."""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from domain import ranges
from domain.compaction.candidates import candidates
from domain.compaction.entries import Entry, Group, cost_of, groups_of
from domain.compaction.picking import Picked, picked
from domain.compaction.reading import reading
from domain.compaction.strategies import Split, Wanted, least_tokens, split
from domain.compaction.summary_text import summary_body, summary_content
from domain.compaction.tools import Tools
from domain.compaction.turns import SummaryTurn, Turns, turns_of
from domain.compaction.weights import Weights
from domain.refusals import ContextBudgetTooSmall
from domain.summaries import Passage, Piece, Range, Summarizer
from domain.tokens import LIST_TOKENS, message_tokens

ENGINE = "verbatim-4"
"""Selector and renderers: the same engine, version and parameters give the same bytes."""
EXTRACTS = Summarizer("extracts", "2")
"""The built-in summariser."""
SMALLEST = 12
"""Tokens below which a summary message has no room for a word."""


class Told(msgspec.Struct, frozen=True):
    """The live summary, as its compaction's event has it."""

    summary_id: str
    pieces: tuple[Piece, ...]
    passages: tuple[Passage, ...]
    told: tuple[Range, ...]
    """The messages it stands for."""


class Live(msgspec.Struct, frozen=True):
    """What stands in the context now."""

    entries: Sequence[Entry]
    """Ascending; no retracted ones."""
    told: Told | None = None
    place: int = 0
    """The sequence of the last compacted message."""
    without: Collection[int] = frozenset()
    """Messages that the summary stood for, but no more: pinned back, or retracted."""
    again: Sequence[Entry] = ()
    """Messages of passages that hold such a one, for those to be told anew; ascending."""

    def pieces(self) -> list[Piece]:
        """Those of messages that the summary stands for still."""
        told = self.told.pieces if self.told is not None else ()
        return [piece for piece in told if piece.sequence not in self.without]

    def passages(self) -> list[Passage]:
        """Those that can stay as they are."""
        told = self.told.passages if self.told is not None else ()
        return [p for p in told if not self.again or not is_stale(p, self.without)]


class Thought(msgspec.Struct, frozen=True):
    """A compaction, not yet in the log."""

    stay: list[Group]
    leave: list[Group]
    told: Picked
    place: int
    tokens_before: int
    tokens_after: int
    compacted: tuple[Range, ...]
    summarized: tuple[Range, ...]
    """The messages that the summary stands for."""
    superseded: tuple[str, ...]
    needed: int
    """What the mandatory parts cost alone."""

    @property
    def tokens_saved(self) -> int:
        return self.tokens_before - self.tokens_after

    @property
    def messages(self) -> int:
        """How many messages leave."""
        return sum(len(group.entries) for group in self.leave)

    def turns(self, tools: Tools) -> Turns:
        """The context as it would be."""
        return turns_of(self.stay, summary_turn(self.told.content(), tools), self.place)


def turns_now(live: Live, tools: Tools) -> Turns:
    """The context as it is."""
    return turns_of(groups_of(live.entries), _turn_now(live, tools), live.place)


def tokens_of(turns: Turns) -> int:
    """What the whole context costs: nothing, where it is empty."""
    groups = cost_of(list(turns.groups()))
    summary = turns.summary.tokens if turns.summary is not None else 0
    return groups + summary + LIST_TOKENS if groups + summary else 0


def summary_turn(content: str, tools: Tools) -> SummaryTurn | None:
    if not content:
        return None
    return SummaryTurn(content, message_tokens(tools.count, role="user", content=content))


def plan(live: Live, wanted: Wanted, tools: Tools) -> tuple[Split, int]:
    """What would stay and leave, and what the context costs now. Raises ContextBudgetTooSmall."""
    groups = groups_of(live.entries)
    now = tokens_of(turns_of(groups, _turn_now(live, tools), live.place))
    target = wanted.target_tokens
    if wanted.strategy == "hybrid" and target is not None and now <= target:
        return Split(groups, [], 0), now
    return split(groups, now, live.place, wanted), now


def is_worthwhile(live: Live, parts: Split, wanted: Wanted, now: int) -> bool:
    """Whether messages leave, or a summary is to become shorter, or to leave, for a target that was given."""
    if parts.leave:
        return True
    if wanted.strategy == "none":
        return False
    target = wanted.target_tokens
    return live.told is not None and target is not None and now > target


def extracted(
    live: Live, parts: Split, tools: Tools, weights: Weights, passages: Sequence[Passage] = ()
) -> Picked:
    """The built-in summary of what left before and what leaves now, in the room there is.

    `passages` are a model's about messages that leave now: those are then not picked from.
    """
    if parts.room < SMALLEST:
        return Picked()
    written = [*live.passages(), *passages]
    leaving = leaving_entries(live, parts)
    if passages:
        leaving = [entry for entry in leaving if not _is_told(entry.sequence, passages)]
    empty = message_tokens(tools.count, role="user", content="")
    found = candidates(live.pieces(), leaving, weights)
    return picked(found, written, parts.room - empty, tools, weights)


def leaving_entries(live: Live, parts: Split) -> list[Entry]:
    """What is to be summarised, in the log's order."""
    entries = [entry for group in parts.leave if not group.is_orphan for entry in group.entries]
    entries += live.again
    return sorted(entries, key=lambda entry: entry.sequence)


def _holds_words(live: Live, parts: Split) -> bool:
    """Whether a summary could tell something of what left and of what leaves."""
    if live.pieces() or live.passages():
        return True
    return any(reading(entry).units for entry in leaving_entries(live, parts))


def is_stale(passage: Passage, without: Collection[int]) -> bool:
    """Whether it tells of a message that it must not tell of any more."""
    return any(passage.first_sequence <= s <= passage.last_sequence for s in without)


def concluded(
    live: Live, parts: Split, told: Picked, tokens_now: int, tools: Tools
) -> Thought | None:
    """The whole of it; None where it would not shrink the context, nothing changes, or what leaves would be lost to it."""
    if parts.must_tell and not told and _holds_words(live, parts):
        return None
    sequences = sorted(entry.sequence for group in parts.leave for entry in group.entries)
    before = live.told
    left = ranges.ranges_of(sequences)
    summarized = ()
    if told:
        earlier = ranges.without(before.told, live.without) if before is not None else ()
        summarized = ranges.joined([*earlier, *left])
    thought = Thought(
        stay=parts.stay,
        leave=parts.leave,
        told=told,
        place=max([live.place, *sequences]),
        tokens_before=tokens_now,
        tokens_after=0,
        compacted=left,
        summarized=summarized,
        superseded=(before.summary_id,) if before is not None else (),
        needed=least_tokens([*parts.stay, *parts.leave]),
    )
    after = tokens_of(thought.turns(tools))
    if after >= tokens_now or not (sequences or before is not None):
        return None
    return msgspec.structs.replace(thought, tokens_after=after)


def think(live: Live, wanted: Wanted, tools: Tools, weights: Weights) -> Thought | None:
    """With the built-in summariser. None where there is nothing to do. Raises ContextBudgetTooSmall."""
    parts, now = plan(live, wanted, tools)
    if not is_worthwhile(live, parts, wanted, now):
        return None
    return concluded(live, parts, extracted(live, parts, tools, weights), now, tools)


def shortened(
    live: Live, wanted: Wanted, budget: int | None, tools: Tools, weights: Weights
) -> Turns:
    """A context for one read: the live one where it fits, else as `wanted` makes it of it.

    Raises ContextBudgetTooSmall.
    """
    turns = turns_now(live, tools)
    if wanted.strategy != "none":
        thought = think(live, wanted, tools, weights)
        if thought is not None:
            turns = thought.turns(tools)
    cost = tokens_of(turns)
    if budget is not None and cost > budget:
        raise ContextBudgetTooSmall("max_tokens", needed=cost)
    return turns


def _turn_now(live: Live, tools: Tools) -> SummaryTurn | None:
    told = live.told
    if told is None:
        return None
    body = summary_body(told.pieces, told.passages, live.without)
    return summary_turn(summary_content(body), tools)


def _is_told(sequence: int, passages: Iterable[Passage]) -> bool:
    return any(p.first_sequence <= sequence <= p.last_sequence for p in passages)
