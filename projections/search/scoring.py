"""What a weighed query makes of a row of words, as SQL: the value of each word, a score, what of the query is there."""

from typing import Any

from projections.search.ranking import Ranking, Slot, Weighted

LENGTHS = 0.35
"""How far a message's length counts, from 0 to 1: BM25's b. Chat messages are short, and a long one may answer too."""
TITLE_WEIGHT = 1.5
TITLE_LENGTH = 5.0
"""Words of a usual title."""


def expressions_of(ranking: Ranking) -> dict[str, str]:
    """All that a statement has places for, by name."""
    return {
        "values": _value_columns(ranking.words),
        "score": _score_of(ranking),
        "mask": _mask_of(ranking.words),
        "leads": _match_of(ranking.words),
    }


def _value_columns(words: tuple[Weighted, ...]) -> str:
    """What each word is worth to a message: the best of its ways to be there, or 0."""
    return ", ".join(
        "greatest({}) AS v{}".format(
            ", ".join(_way(i, j, slot) for j, slot in enumerate(word.slots)), i
        )
        for i, word in enumerate(words)
    )


def _way(i: int, j: int, slot: Slot) -> str:
    if slot.ranked:
        value = f"%(weight_{i}_{j})s * ts_rank(m.words, %(slot_{i}_{j})s::tsquery)"
        there = f"CASE WHEN m.words @@ %(gate_{i}_{j})s::tsquery THEN {value} ELSE 0 END"
        return there if slot.gate else value
    return f"CASE WHEN m.words @@ %(slot_{i}_{j})s::tsquery THEN %(weight_{i}_{j})s ELSE 0 END"


def _score_of(ranking: Ranking) -> str:
    """All values together, and what stands in a row; the less of the query is there, the less they count."""
    values = [f"m.v{i}" for i in range(len(ranking.words))]
    values += [
        f"CASE WHEN m.v{near.first} > 0 AND m.v{near.second} > 0"
        + f" AND m.words @@ %(near_gate_{n})s::tsquery" * (near.gate != near.asked)
        + f" AND m.words @@ %(near_{n})s::tsquery THEN %(near_weight_{n})s ELSE 0 END"
        for n, near in enumerate(ranking.near)
    ]
    there = [f"CASE WHEN m.v{i} > 0 THEN %(idf_{i})s ELSE 0 END" for i in range(len(ranking.words))]
    return f"({' + '.join(values)}) * sqrt({' + '.join(there)})"


def _mask_of(words: tuple[Weighted, ...]) -> str:
    """Which words are there, a bit each."""
    return " | ".join(f"CASE WHEN m.v{i} > 0 THEN {1 << i} ELSE 0 END" for i in range(len(words)))


def _match_of(words: tuple[Weighted, ...]) -> str:
    """Whether any of the words that make a match is there."""
    return " OR ".join(f"m.v{i} > 0" for i, word in enumerate(words) if word.leads)


def coverage_of(words: tuple[Weighted, ...]) -> str:
    """How much of the query that is, from 0 to 1."""
    return " + ".join(
        f"CASE WHEN mask & {1 << i} <> 0 THEN %(idf_{i})s ELSE 0 END" for i in range(len(words))
    )


def scoring_values(ranking: Ranking, average: float) -> dict[str, Any]:
    """What these expressions have places for. `average` is the length of a message of the workspace."""
    values: dict[str, Any] = {
        "short": 1 - LENGTHS,
        "long": LENGTHS / average,
        "title_weight": TITLE_WEIGHT,
        "title_short": 1 - LENGTHS,
        "title_long": LENGTHS / TITLE_LENGTH,
    }
    total = sum(word.idf for word in ranking.words)
    for i, word in enumerate(ranking.words):
        values[f"idf_{i}"] = word.idf / total
        for j, slot in enumerate(word.slots):
            values |= {
                f"weight_{i}_{j}": slot.weight,
                f"slot_{i}_{j}": slot.asked,
                f"gate_{i}_{j}": slot.gate,
            }
    for n, near in enumerate(ranking.near):
        values |= {
            f"near_{n}": near.asked,
            f"near_gate_{n}": near.gate,
            f"near_weight_{n}": near.weight,
        }
    return values
