"""Which candidates make a summary: greedily, by the new terms that each holds, per token."""

import heapq
import math
import re
from collections.abc import Iterator, Sequence

import msgspec

from domain.compaction.clauses import clauses
from domain.compaction.terms import Term, Terms
from domain.compaction.tools import Tools
from domain.compaction.weights import Weights
from domain.summaries import Piece

LABEL_TOKENS = 2
"""About what a change of the speaker costs."""
_RECORD = re.compile(r"(?:^|[ ,:])[A-Za-z_]\w*=")


class Valued(msgspec.Struct, frozen=True, gc=False):
    """A term of one candidate."""

    key: str
    weight: float
    again: float
    """What it is worth where a piece picked before holds it."""


class Choice:
    """The candidates of one summary, their terms and costs."""

    def __init__(
        self,
        pieces: Sequence[Piece],
        whole: Sequence[Piece],
        room: int,
        tools: Tools,
        weights: Weights,
    ) -> None:
        """Of the `pieces`, parts of sentences may be picked where the room is small; never of the `whole` ones."""
        self._length = weights.length
        costs = _costs(pieces, tools)
        if room < weights.tight * sum(costs):
            pieces = [part for piece in pieces for part in _parts(piece)]
            costs = _costs(pieces, tools)
        self.pieces = [*pieces, *whole]
        self.own = len(pieces)
        """The first so many are of `pieces`."""
        self._costs = costs + _costs(whole, tools)
        terms = Terms(tools, weights)
        found = [
            terms.of(piece.text, is_record=_is_record(piece), is_prose=piece.role != "tool")
            for piece in self.pieces
        ]
        self._terms = list(self._valued(found, weights))
        last = max(piece.sequence for piece in self.pieces)
        self._factors = [
            piece.score * (1 + weights.recency * piece.sequence / last) / cost**weights.length
            for piece, cost in zip(self.pieces, self._costs, strict=True)
        ]

    def _valued(self, found: list[dict[str, Term]], weights: Weights) -> Iterator[list[Valued]]:
        """What each term is worth in this conversation: more for what several messages hold, but less for words of prose."""
        held: dict[str, set[int]] = {}
        said: dict[str, set[int]] = {}
        for piece, terms in zip(self.pieces, found, strict=True):
            for key in terms:
                held.setdefault(key, set()).add(piece.sequence)
                if piece.role != "tool":
                    said.setdefault(key, set()).add(piece.sequence)
        first = {key: min(where) for key, where in held.items()}
        used = {
            key: 1 + weights.reuse * math.log(len(where)) + weights.said * math.log(1 + len(said.get(key, ())))
            for key, where in held.items()
        }  # fmt: skip
        for piece, terms in zip(self.pieces, found, strict=True):
            valued: list[Valued] = []
            is_prose = piece.role != "tool" and not _is_record(piece)
            for key, term in terms.items():
                if not (term.is_plain and is_prose):
                    valued.append(Valued(key, term.weight * used[key], 0.0))
                    continue
                exponent = weights.common_name if term.is_name else weights.common_word
                weight = term.weight / max(1, len(said.get(key, ()))) ** exponent
                if first[key] != piece.sequence:
                    weight *= weights.later
                valued.append(Valued(key, weight, weight * weights.again))
            yield valued

    def choose(self, room: int) -> tuple[list[int], float]:
        """Indexes, the most valuable per token first, and what they are worth together."""
        covered: set[str] = set()
        heap = [(-self._gain(index, covered), index) for index in range(len(self.pieces))]
        heapq.heapify(heap)
        chosen: list[int] = []
        total = 0.0
        messages: set[int] = set()
        while heap and room > 2:
            _, index = heapq.heappop(heap)
            cost = self._costs[index]
            if self.pieces[index].sequence not in messages:
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
            messages.add(self.pieces[index].sequence)
            covered.update(term.key for term in self._terms[index])
        return chosen, total

    def _gain(self, index: int, covered: set[str]) -> float:
        worth = 0.0
        for term in self._terms[index]:
            worth += term.again if term.key in covered else term.weight
        return worth * self._factors[index]


def joined(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Parts of a sentence that follow each other are one piece; the white space after one is left out."""
    found: list[Piece] = []
    for piece in pieces:
        last = found[-1] if found else None
        if last is not None and _continues(last, piece):
            found[-1] = msgspec.structs.replace(last, end=piece.end, text=last.text + piece.text)
        else:
            found.append(piece)
    return tuple(_stripped(piece) for piece in found)


def _continues(last: Piece, piece: Piece) -> bool:
    before = (last.sequence, last.end, last.score)
    return before == (piece.sequence, piece.start, piece.score)


def _stripped(piece: Piece) -> Piece:
    text = piece.text.rstrip()
    if len(text) == len(piece.text):
        return piece
    return msgspec.structs.replace(piece, end=piece.start + len(text), text=text)


def _parts(piece: Piece) -> Iterator[Piece]:
    if piece.role == "tool" or _is_record(piece):
        yield piece
        return
    for start, end in clauses(piece.text):
        yield msgspec.structs.replace(
            piece, start=piece.start + start, end=piece.start + end, text=piece.text[start:end]
        )


def _is_record(piece: Piece) -> bool:
    return _RECORD.search(piece.text) is not None


def _costs(pieces: Sequence[Piece], tools: Tools) -> list[int]:
    return [len(tools.encode(piece.text)) + 1 for piece in pieces]
