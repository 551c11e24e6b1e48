"""What the summariser picks from: the units of messages that leave, and the pieces of the summary before."""

from collections.abc import Iterable, Sequence

from domain.compaction import manner
from domain.compaction.entries import Entry
from domain.compaction.reading import Unit, reading
from domain.compaction.weights import Weights
from domain.summaries import Piece


def candidates(earlier: Iterable[Piece], leaving: Sequence[Entry], weights: Weights) -> list[Piece]:
    """As pieces in the log's order. The score is what the manner of each is worth; it stays with a piece."""
    found = list(earlier)
    for entry in leaving:
        for place, unit in enumerate(reading(entry).units):
            score = _manner(entry, unit, weights, is_first=place == 0)
            found.append(Piece(entry.sequence, entry.role, unit.start, unit.end, unit.text, score))
    return sorted(found, key=_place)


def _place(piece: Piece) -> tuple[int, int]:
    return piece.sequence, piece.start


def _manner(entry: Entry, unit: Unit, weights: Weights, *, is_first: bool) -> float:
    if unit.kind == "record":
        return weights.record
    if unit.kind == "call":
        return weights.call
    if unit.kind == "output":
        return weights.output
    worth = 1.0
    if entry.role == "user":
        worth *= weights.user
        if manner.is_first_person(unit.text):
            worth *= weights.first_person
    if is_first:
        worth *= weights.opening
    if manner.is_question(unit.text):
        worth *= weights.question
    if manner.is_courtesy(unit.text):
        worth *= weights.courtesy
    if manner.addresses_the_other(unit.text):
        worth *= weights.you
    return worth
