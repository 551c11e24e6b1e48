"""Which earlier messages a later question and its answer are about, and how much of that is still there.

Nobody marked these conversations, so the evidence is found: of what was said by then (no tool results), the messages
that share the most rare words with the exchange. A word is a stem, common English words left out.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from domain.compaction.tools import Stem
from projections.search.languages import STOP_WORDS

MOST = 2
"""Messages that hold the evidence for one exchange."""
LEAST = 2
"""Stems that a message must share with it."""
Stems = frozenset[str]

_WORD = re.compile(r"\w+(?:[.:/@-]\w+)*")


class Evidence(msgspec.Struct, frozen=True):
    """By message: the stems that the exchange takes up."""

    held: dict[int, Stems]

    def support(self, kept: Mapping[int, Stems]) -> float:
        """The share of the stems that stands in what is kept of these very messages."""
        whole = frozenset[str]().union(*self.held.values())
        still = frozenset[str]().union(
            *(stems & kept.get(number, frozenset()) for number, stems in self.held.items())
        )
        return len(still) / len(whole)


def stems(text: str, stem: Stem) -> Stems:
    words = {word for word in _WORD.findall(text.lower()) if word not in STOP_WORDS}
    return frozenset(stem(sorted(words)))


def evidence(exchange: Stems, said: Mapping[int, Stems]) -> Evidence | None:
    """`said` are the messages so far, by number. None where the exchange takes nothing up."""
    frequency = Counter(word for each in said.values() for word in each)
    shared = {number: exchange & each for number, each in said.items()}
    worth = {
        number: sum(math.log(len(said) / frequency[word]) for word in words)
        for number, words in shared.items()
        if len(words) >= LEAST
    }
    best = sorted(worth, key=lambda number: (-worth[number], number))[:MOST]
    held = {number: shared[number] for number in best if worth[number] > 0}
    return Evidence(held) if held else None


def exchanges(roles: Sequence[str], words: Sequence[Stems], cut: int) -> list[Stems]:
    """Each later message of the user's with what the assistant says to it."""
    found: list[Stems] = []
    for index in range(cut, len(roles)):
        if roles[index] == "user":
            found.append(words[index])
        elif roles[index] == "assistant" and found:
            found[-1] |= words[index]
    return found
