"""What shorter contexts keep, and what making them costs: `python -m bench.compaction [--short]`.

A budget is a share of the tokens said so far, system messages left out. Cuts at which it does
not hold what must stay whatever the strategy are left out, for every contestant. Reads conversations from the folder in VERBATIM_SHARED_DATA, or from `../shared/data` beside the checkout.
"""

import argparse
import os
import random
import statistics
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.compaction_cases import Case, Half, cases
from bench.compaction_dialogues import long_talks, talks
from bench.compaction_evidence import Stems, stems
from bench.compaction_sessions import sessions
from bench.compaction_speed import memory, speed
from bench.support import machine, table, tell
from domain.compaction.engine import Live, think, tokens_of, turns_now
from domain.compaction.entries import Group, groups_of
from domain.compaction.openai_shape import openai_messages
from domain.compaction.reading import reading
from domain.compaction.strategies import Wanted
from domain.compaction.tools import Tools
from domain.compaction.turns import Turns, turns_of
from domain.compaction.weights import Weights
from domain.policy import Strategy
from domain.summaries import Piece
from services.http.tokenizers import Tokenizers

SHARES = (0.10, 0.25, 0.50)


class Made(msgspec.Struct, frozen=True):
    """A shorter context."""

    turns: Turns
    pieces: tuple[Piece, ...] = ()
    """Of its summary."""


Contestant = Callable[[Case, int, Tools, Weights], Made]


def newest(case: Case, budget: int, tools: Tools, weights: Weights) -> Made:
    """Whole groups from the end, nothing else."""
    del tools, weights
    return _filled(list(reversed(groups_of(case.entries))), budget, skip=False)


def any_groups(case: Case, budget: int, tools: Tools, weights: Weights) -> Made:
    del tools, weights
    groups = groups_of(case.entries)
    random.Random(f"{case.conversation} {len(case.entries)}").shuffle(groups)
    return _filled(groups, budget, skip=True)


def _filled(groups: list[Group], budget: int, *, skip: bool) -> Made:
    left = budget - 3
    kept: list[Group] = []
    for group in groups:
        if group.tokens <= left:
            left -= group.tokens
            kept.append(group)
        elif not skip:
            break
    return Made(turns_of(sorted(kept, key=lambda group: group.sequence), None, 0))


def ours(strategy: Strategy, keep_recent: int) -> Contestant:
    def made(case: Case, budget: int, tools: Tools, weights: Weights) -> Made:
        wanted = Wanted(strategy, keep_recent, budget, 16_000)
        live = Live(case.entries)
        thought = think(live, wanted, tools, weights)
        if thought is None:
            return Made(turns_now(live, tools))
        return Made(thought.turns(tools), thought.told.pieces)

    return made


CONTESTANTS: dict[str, Contestant] = {
    "newest messages only": newest,
    "random groups": any_groups,
    "ours, `hybrid`": ours("hybrid", 20),
    "ours, `summarization`": ours("summarization", 0),
}


class Score(msgspec.Struct):
    arguments: list[float] = []
    support: list[float] = []
    used: list[float] = []
    over: int = 0


def scored(
    found: list[Case], contestant: Contestant, tools: Tools, weights: Weights
) -> list[Score]:
    """One a share."""
    scores = [Score([], [], []) for _ in SHARES]
    for case in found:
        for share, score in zip(SHARES, scores, strict=True):
            budget = case.budget(share)
            if budget is None:
                continue
            made = contestant(case, budget, tools, weights)
            kept = _words(made.turns)
            if case.needed:
                score.arguments.append(sum(v in kept for v in case.needed) / len(case.needed))
            if case.evidence:
                stems_of = _kept_stems(made, tools)
                score.support += [about.support(stems_of) for about in case.evidence]
            cost = tokens_of(made.turns)
            score.used.append(cost / case.tokens)
            score.over += cost > budget
    return scores


def _words(turns: Turns) -> str:
    """All that stands in the context, without JSON's escapes."""
    texts: list[str] = []
    for message in msgspec.json.decode(msgspec.json.encode(openai_messages(turns))):
        content = message.get("content")
        texts.append(content if isinstance(content, str) else "")
        texts += [call["function"]["arguments"] for call in message.get("tool_calls") or ()]
    return "\n".join(texts)


def _kept_stems(made: Made, tools: Tools) -> dict[int, Stems]:
    """What is kept of each message, in its own place or in the summary."""
    texts: dict[int, list[str]] = {}
    for group in made.turns.groups():
        for entry in group.entries:
            texts.setdefault(entry.sequence, []).append(reading(entry).text)
    for piece in made.pieces:
        texts.setdefault(piece.sequence, []).append(piece.text)
    return {number: stems("\n".join(parts), tools.stem) for number, parts in texts.items()}


def quality(title: str, found: list[Case], tools: Tools) -> None:
    arguments = any(case.needed for case in found)
    exchanges = sum(len(case.evidence) for case in found)
    counted = [sum(case.budget(share) is not None for case in found) for share in SHARES]
    print(f"{title}: {len(found):,} cuts of {len({c.conversation for c in found})} conversations,")
    print(f"counted {' / '.join(map(str, counted))}; {exchanges:,} later exchanges.\n")
    rows: list[list[str]] = []
    for contestant, made in CONTESTANTS.items():
        scores = scored(found, made, tools, Weights())
        tell(f"  {title}: {contestant}")
        told = [score.arguments if arguments else score.support for score in scores]
        rows.append(
            [
                contestant,
                _means(told),
                _means([score.used for score in scores]),
                str(sum(score.over for score in scores)),
            ]
        )
    what = "later arguments" if arguments else "support"
    table(["at 10 / 25 / 50 %", what, "tokens used", "over budget"], rows)


def _means(parts: list[list[float]]) -> str:
    return " / ".join(f"{statistics.mean(part):.2f}" if part else "-" for part in parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer cuts")
    short = parser.parse_args().short
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("VERBATIM_SHARED_DATA", default))
    tools = Tokenizers("o200k_base").tools()
    print(f"{machine()}{', short' if short else ''}\n")
    speed(tools, 10_000 if short else 100_000)
    memory(tools, 40 if short else 400)
    halves: list[Half] = ["report"] if short else ["report", "tune"]
    for half in halves:
        quality(f"marked dialogues, the half to {half}", list(talks(tools, half)), tools)
    quality("all marked dialogues in one", list(long_talks(tools)), tools)
    if not folder.exists():
        print(f"no conversations in {folder}")
        return
    support, coding = folder / "tau-airline.jsonl", folder / "swe-agent.jsonl"
    for half in halves:
        found = list(cases(support, tools, 12 if short else 1, half))
        quality(f"`{support.name}`, the half to {half}", found, tools)
        quality("the same half, many sessions", list(sessions(support, tools, half)), tools)
    quality(f"`{coding.name}`", list(cases(coding, tools, 1)), tools)


if __name__ == "__main__":
    main()
