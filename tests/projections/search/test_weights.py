"""What leads to the candidates of a query, and what is tried before the whole of it."""

import pytest

from projections.search.query import parse
from projections.search.ranking import Known, Ranking
from projections.search.tokens import Tokens
from projections.search.vectors import mark_of
from projections.search.weights import Weigher


def weighed(q: str, counts: dict[str, int], messages: int = 10_000) -> Ranking:
    known = Known(messages, messages * 20, messages, counts, {})
    found = Weigher("w", known).ranking(parse(Tokens(), q + " "))  # no beginning of a word
    assert found is not None
    return found


def quoted(lexeme: str) -> str:
    return f"'{mark_of('w')}{lexeme}'"


@pytest.mark.parametrize(
    ("counts", "drivers", "together"),
    [
        ({"red": 100, "blue": 5_000, "late": 4_900}, ["red"], []),
        ({"red": 4_500, "blue": 5_000, "late": 4_600}, [], ["red", "late", "blue"]),
        ({"red": 4_001, "blue": 5_000, "late": 4_100}, [], ["red", "late", "blue"]),
        ({"red": 4_500, "blue": 5_000}, [], []),  # together they are common, too
        ({"red": 9_000, "blue": 9_000, "late": 9_000}, [], []),
    ],
)
def test_rare_words_lead_or_common_ones_together(
    counts: dict[str, int], drivers: list[str], together: list[str]
) -> None:
    ranking = weighed("red blue late", counts)
    assert ranking.drivers == " | ".join(map(quoted, drivers))
    assert ranking.together == " & ".join(f"({quoted(word)})" for word in together)


def test_few_of_the_rarest_are_enough() -> None:
    counts = {"red": 41_000, "blue": 43_000, "late": 44_000}
    ranking = weighed("red blue late", counts, messages=2_000_000)
    assert ranking.together == f"({quoted('red')}) & ({quoted('blue')})"


@pytest.mark.parametrize("word", ["bestellung", "naïve", "refunded"])
def test_the_forms_of_many_languages_are_looked_for_by_what_they_begin_with(word: str) -> None:
    [asked] = parse(Tokens(), word + " ").words
    ranking = weighed(word, dict.fromkeys(asked.lexemes, 5))
    gates = {"whole": ranking.gate} | {
        slot.asked: slot.gate for slot in ranking.words[0].slots if slot.gate
    }
    assert len(gates) > 1
    for name, gate in gates.items():
        beginnings = [each.removesuffix(":*").strip("'") for each in gate.split(" | ")]
        reached = (
            asked.lexemes if name == "whole" else [each.strip("'") for each in name.split(" | ")]
        )
        assert len(beginnings) < len(reached)
        for lexeme in reached:
            marked = lexeme if lexeme.startswith(mark_of("w")) else mark_of("w") + lexeme
            assert marked.startswith(tuple(beginnings))


def test_longer_words_are_tried_by_what_all_of_them_begin_with() -> None:
    """Forms of other languages are among them, and those have no more than a beginning in common with the rest."""
    longer = {"refund": 40, "refunding": 20, "refund~de": 3, "refunding~fr": 2}
    known = Known(10_000, 200_000, 10_000, {}, longer)
    found = Weigher("w", known).ranking(parse(Tokens(), "refu"))
    assert found is not None
    for slot in found.words[0].slots:
        tried = [each.removesuffix(":*").strip("'") for each in slot.gate.split(" | ")]
        for lexeme in slot.asked.split(" | "):
            assert lexeme.strip("'").startswith(tuple(tried)), slot
