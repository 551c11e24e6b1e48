"""What the summariser picks from: the units of messages that leave, and the pieces of the summary before."""

from collections.abc import Iterable, Sequence

from domain.compaction import manner
from domain.compaction.clauses import word_count
from domain.compaction.entries import Entry
from domain.compaction.reading import Unit, reading
from domain.compaction.weights import Weights
from domain.summaries import Piece


def candidates(earlier: Iterable[Piece], leaving: Sequence[Entry], weights: Weights) -> list[Piece]:
    """As pieces in the log's order. The score is what the manner of each is worth; it stays with a piece."""
    found = list(earlier)
    asked_by = ""
    for entry in leaving:
        units = reading(entry).units
        is_answer = asked_by not in ("", entry.role)
        for place, unit in enumerate(units):
            score = _manner(entry, unit, weights, is_first=place == 0, is_answer=is_answer)
            found.append(Piece(entry.sequence, entry.role, unit.start, unit.end, unit.text, score))
        if entry.role in ("user", "assistant"):
            asks = any(unit.kind == "prose" and manner.is_question(unit.text) for unit in units)
            asked_by = entry.role if asks else ""
    return sorted(found, key=_place)


def _place(piece: Piece) -> tuple[int, int]:
    return piece.sequence, piece.start


def _manner(
    entry: Entry, unit: Unit, weights: Weights, *, is_first: bool, is_answer: bool
) -> float:
    if unit.kind == "record":
        return weights.record
    if unit.kind == "call":
        return weights.call
    if unit.kind == "output":
        return weights.output
    worth = _wording(unit.text, weights)
    if entry.role == "user":
        worth *= weights.user
        if manner.is_first_person(unit.text):
            worth *= weights.first_person
    if is_first:
        worth *= weights.opening
    if is_answer:
        worth *= weights.answer
    return worth


def _wording(text: str, weights: Weights) -> float:
    """How likely a sentence of this manner states a fact."""
    worth = min(1.0, word_count(text) / weights.few)
    for is_so, factor in (
        (manner.is_question, weights.question),
        (manner.is_exclamation, weights.exclamation),
        (manner.is_courtesy, weights.courtesy),
        (manner.is_reaction, weights.reaction),
        (manner.is_promise, weights.promise),
        (manner.addresses_the_other, weights.you),
    ):
        if is_so(text):
            worth *= factor
    if worth < weights.digit and manner.holds_digit(text):
        worth = weights.digit
    if manner.is_of_own(text):
        worth *= weights.own
    if manner.is_of_others(text):
        worth *= weights.others
    if manner.tells_when(text):
        worth *= weights.when
    return worth
