"""Long talks made of real ones: the first halves of many customers' conversations, one after the other, no tools.

What comes later in each is about its own beginning. Only words of few tasks count: what every customer of an
airline says is no evidence of anything.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.compaction_cases import Case, Half, conversations, entry_of_message, half_of, said_only
from bench.compaction_evidence import Evidence, Stems, evidence, exchanges, stems
from domain.compaction.entries import Entry, groups_of
from domain.compaction.strategies import least_tokens
from domain.compaction.tools import Tools
from domain.tokens import LIST_TOKENS

CUTS = (0.3, 0.5, 0.7)
"""Shares of each conversation that stand before the cut."""
COMMON = 0.3
"""Share of the tasks in which a word may occur."""
LEAST_MESSAGES = 6


def sessions(path: Path, tools: Tools, half: Half) -> Iterator[Case]:
    """One a try at the tasks and a cut: a task is in each only once."""
    talks = {name: said_only(messages) for name, messages in conversations(path)}
    words = {name: [stems(m["content"], tools.stem) for m in talk] for name, talk in talks.items()}
    specific = _specific(words)
    chosen = {n: t for n, t in talks.items() if half_of(n) == half and len(t) >= LEAST_MESSAGES}
    for attempt in sorted({name.rpartition("-")[2] for name in chosen}):
        for share in CUTS:
            entries: list[Entry] = []
            about: list[Evidence] = []
            for name, talk in chosen.items():
                if name.rpartition("-")[2] != attempt:
                    continue
                cut = int(len(talk) * share)
                telling = [each & specific for each in words[name]]
                first = len(entries) + 1
                entries += [entry_of_message(first + n, m, tools) for n, m in enumerate(talk[:cut])]
                said = {first + n: each for n, each in enumerate(telling[:cut]) if each}
                later = exchanges([m["role"] for m in talk], telling, cut)
                found = (evidence(exchange, said) for exchange in later)
                about += [each for each in found if each is not None]
            tokens = LIST_TOKENS + sum(entry.tokens for entry in entries)
            least = least_tokens(groups_of(entries))
            yield Case(f"{half} {attempt} {share}", entries, tokens, least, [], about)


def _specific(words: dict[str, list[Stems]]) -> Stems:
    """What few tasks speak of."""
    of_task: dict[str, set[str]] = {}
    for name, each in words.items():
        of_task.setdefault(name.rpartition("-")[0], set()).update(*each)
    counts = Counter(word for found in of_task.values() for word in found)
    return frozenset(word for word, count in counts.items() if count <= COMMON * len(of_task))
