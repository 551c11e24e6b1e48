"""The built-in summariser: whole pieces, greedily by new value per token, until the budget is full.

What carries facts in a chat is not central to it, so nothing here looks for the typical: a piece is worth the
rare words, numbers, dates, names and identifiers in it that no piece picked before holds.
"""

import heapq
import math
import re
from collections.abc import Sequence

import msgspec

from domain.compaction.sentences import sentences
from domain.compaction.summary_text import summary_body, summary_content
from domain.compaction.terms import Terms
from domain.compaction.tools import Tools
from domain.compaction.weights import Weights
from domain.summaries import Passage, Piece

LABEL_TOKENS = 2
"""About what a change of the speaker costs."""
ROUNDS = 4
_RECORD = re.compile(r"(?:^|[ ,:])[A-Za-z_]\w*=")
_WRITTEN = 1.5
"""What a sentence of a model's is worth: it is dense already."""


class Picked(msgspec.Struct, frozen=True):
    pieces: tuple[Piece, ...] = ()
    passages: tuple[Passage, ...] = ()

    def content(self) -> str:
        """As it stands in a context."""
        return summary_content(summary_body(self.pieces, self.passages))

    def __bool__(self) -> bool:
        return bool(self.pieces or self.passages)


def picked(
    pieces: Sequence[Piece],
    passages: Sequence[Passage],
    budget: int,
    tools: Tools,
    weights: Weights,
) -> Picked:
    """What fits into a summary of so many tokens, in order. Passages are shortened by whole sentences."""
    whole = Picked(tuple(pieces), tuple(passages))
    if not whole or budget <= 0 or _fits(whole, budget, tools):
        return whole if budget > 0 else Picked()
    choice = _Choice(pieces, passages, tools, weights)
    best: list[int] = []
    chosen: list[int] = []
    most = 0.0
    room = budget - tools.count(summary_content(" "))
    for _ in range(ROUNDS):
        chosen, worth = choice.choose(room)
        cost = tools.count(choice.made(chosen).content())
        if cost <= budget and worth > most:
            best, most = chosen, worth
        slack = budget - cost
        if 0 <= slack <= 4 or (not chosen and slack < 8):
            break
        room += slack if slack < 0 else max(1, slack - 3)
    if not best:
        best = chosen
        while best and not _fits(choice.made(best), budget, tools):
            best = best[:-1]
    return choice.made(best)


def _fits(made: Picked, budget: int, tools: Tools) -> bool:
    content = made.content()
    # No tokenizer makes a token of more than some letters: what is far too long need not be counted.
    return len(content) <= budget * 40 and tools.count(content) <= budget


class _Choice:
    """The candidates of one summary, their terms and costs."""

    def __init__(
        self,
        pieces: Sequence[Piece],
        passages: Sequence[Passage],
        tools: Tools,
        weights: Weights,
    ) -> None:
        self._passages = passages
        self._length = weights.length
        written = [(place, p) for place, each in enumerate(passages) for p in _as_pieces(each)]
        self._pieces = [*pieces, *(piece for _, piece in written)]
        self._passage_of = [place for place, _ in written]
        self._own = len(pieces)
        self._costs = [len(tools.encode(piece.text)) + 1 for piece in self._pieces]
        terms = Terms(tools, weights)
        found = [
            terms.of(piece.text, is_record=_RECORD.search(piece.text) is not None)
            for piece in self._pieces
        ]
        reuse = self._reuse(found, weights)
        self._terms = [
            [(key, weight * reuse[key]) for key, weight in of_piece.items()] for of_piece in found
        ]
        last = max(piece.sequence for piece in self._pieces)
        self._factors = [
            piece.score * (1 + weights.recency * piece.sequence / last) / cost**weights.length
            for piece, cost in zip(self._pieces, self._costs, strict=True)
        ]

    def _reuse(self, found: list[dict[str, float]], weights: Weights) -> dict[str, float]:
        """How much more a term is worth that several messages hold."""
        held: dict[str, set[int]] = {}
        said: dict[str, set[int]] = {}
        for piece, terms in zip(self._pieces, found, strict=True):
            for key in terms:
                held.setdefault(key, set()).add(piece.sequence)
                if piece.role != "tool":
                    said.setdefault(key, set()).add(piece.sequence)
        return {
            key: 1
            + weights.reuse * math.log(len(where))
            + weights.said * math.log(1 + len(said.get(key, ())))
            for key, where in held.items()
        }

    def choose(self, room: int) -> tuple[list[int], float]:
        """Indexes, the most valuable per token first, and what they are worth together."""
        covered: set[str] = set()
        heap = [(-self._gain(index, covered), index) for index in range(len(self._pieces))]
        heapq.heapify(heap)
        chosen: list[int] = []
        total = 0.0
        messages: set[int] = set()
        while heap and room > 2:
            _, index = heapq.heappop(heap)
            cost = self._costs[index]
            if self._pieces[index].sequence not in messages:
                cost += LABEL_TOKENS
            if cost > room:
                continue
            gain = self._gain(index, covered)
            if gain <= 0:
                continue
            if heap and gain < -heap[0][0]:  # what was picked meanwhile holds some of its terms
                heapq.heappush(heap, (-gain, index))
                continue
            chosen.append(index)
            total += gain * self._costs[index] ** self._length
            room -= cost
            messages.add(self._pieces[index].sequence)
            covered.update(key for key, _ in self._terms[index])
        return chosen, total

    def _gain(self, index: int, covered: set[str]) -> float:
        worth = 0.0
        for key, weight in self._terms[index]:
            if key not in covered:
                worth += weight
        return worth * self._factors[index]

    def made(self, chosen: Sequence[int]) -> Picked:
        pieces = tuple(self._pieces[index] for index in sorted(chosen) if index < self._own)
        written: dict[int, list[str]] = {}
        for index in sorted(chosen):
            if index >= self._own:
                place = self._passage_of[index - self._own]
                written.setdefault(place, []).append(self._pieces[index].text)
        passages = tuple(
            msgspec.structs.replace(self._passages[place], text=" ".join(texts))
            for place, texts in sorted(written.items())
        )
        return Picked(pieces, passages)


def _as_pieces(passage: Passage) -> list[Piece]:
    return [
        Piece(passage.first_sequence, "assistant", start, end, passage.text[start:end], _WRITTEN)
        for start, end in sentences(passage.text)
    ]
