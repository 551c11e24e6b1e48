"""The built-in summariser: whole pieces, greedily by new value per token, until the budget is full.

What carries facts in a chat is not central to it, so nothing here looks for the typical: a piece is worth the
rare words, numbers, dates, names and identifiers in it that no piece picked before holds.
"""

from collections.abc import Sequence

import msgspec

from domain.compaction.choice import Choice, joined
from domain.compaction.sentences import sentences
from domain.compaction.summary_text import summary_body, summary_content
from domain.compaction.tools import Tools
from domain.compaction.weights import Weights
from domain.summaries import Passage, Piece

ROUNDS = 4
_WRITTEN = 3.0
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
    whole = Picked(joined(pieces), tuple(passages))
    if not whole or budget <= 0 or _fits(whole, budget, tools):
        return whole if budget > 0 else Picked()
    best: list[int] = []
    chosen: list[int] = []
    most = 0.0
    room = budget - tools.count(summary_content(" "))
    written = [(place, piece) for place, each in enumerate(passages) for piece in _as_pieces(each)]
    choice = Choice(pieces, [piece for _, piece in written], room, tools, weights)

    def made(chosen: Sequence[int]) -> Picked:
        ordered = sorted(chosen)
        own = [choice.pieces[index] for index in ordered if index < choice.own]
        rest = [written[index - choice.own] for index in ordered if index >= choice.own]
        return Picked(joined(own), _shortened(passages, rest))

    for _ in range(ROUNDS):
        chosen, worth = choice.choose(room)
        cost = tools.count(made(chosen).content())
        if cost <= budget and worth > most:
            best, most = chosen, worth
        slack = budget - cost
        if 0 <= slack <= 4 or (not chosen and slack < 8):
            break
        room += slack if slack < 0 else max(1, slack - 3)
    if not best:
        best = chosen
        while best and not _fits(made(best), budget, tools):
            best = best[:-1]
    return made(best)


def _shortened(
    passages: Sequence[Passage], kept: Sequence[tuple[int, Piece]]
) -> tuple[Passage, ...]:
    """Passages of the sentences that are kept, each with the place of its own."""
    texts: dict[int, list[str]] = {}
    for place, piece in kept:
        texts.setdefault(place, []).append(piece.text)
    return tuple(
        msgspec.structs.replace(passages[place], text=" ".join(parts))
        for place, parts in sorted(texts.items())
    )


def _fits(made: Picked, budget: int, tools: Tools) -> bool:
    content = made.content()
    # No tokenizer makes a token of more than some letters: what is far too long need not be counted.
    return len(content) <= budget * 40 and tools.count(content) <= budget


def _as_pieces(passage: Passage) -> list[Piece]:
    return [
        Piece(passage.first_sequence, "assistant", start, end, passage.text[start:end], _WRITTEN)
        for start, end in sentences(passage.text)
    ]
