"""A conversation of a few lines: nothing leaves without a word, unless somebody asks for so little."""

import json

import msgspec
import pytest

from domain.compaction.engine import Live, think
from domain.compaction.entries import Entry
from domain.compaction.strategies import Wanted
from domain.compaction.weights import Weights
from domain.policy import Strategy
from domain.tokens import message_tokens
from tests.domain.compaction.world import TOOLS, count

TALK = (
    ("user", "My order 4711 came without its charger."),
    ("assistant", "I am sorry. A charger leaves Rotterdam today."),
    ("user", "Thanks"),
)


def entries(talk: tuple[tuple[str, str], ...]) -> list[Entry]:
    return [
        Entry(
            number,
            f"m{number}",
            role,
            msgspec.Raw(json.dumps(text).encode()),
            message_tokens(count, role=role, content=text),
        )
        for number, (role, text) in enumerate(talk, 1)
    ]


def thought(strategy: Strategy, target: int | None, talk: tuple[tuple[str, str], ...] = TALK):
    return think(Live(entries(talk)), Wanted(strategy, 20, target, 16_000), TOOLS, Weights())


@pytest.mark.parametrize("strategy", ["hybrid", "summarization"])
def test_nothing_leaves_without_a_word(strategy: Strategy) -> None:
    assert thought(strategy, None) is None


@pytest.mark.parametrize("strategy", ["hybrid", "summarization", "sliding_window"])
def test_a_target_is_taken_at_its_word(strategy: Strategy) -> None:
    made = thought(strategy, 12)
    assert made is not None
    assert made.tokens_after <= 12
    assert not made.told


def test_what_says_nothing_may_leave() -> None:
    silent = (("user", ""), ("assistant", ""), ("user", ""), ("assistant", ""), ("user", "Hello?"))
    made = thought("hybrid", None, silent)
    assert made is not None
    assert made.messages > 0


@pytest.mark.parametrize("strategy", ["hybrid", "summarization"])
def test_the_newest_leave_room_for_a_word(strategy: Strategy) -> None:
    """From some length on each shrinks, though it is nobody's will that all of the newest leave."""
    made = [thought(strategy, None, TALK[:2] * pairs + TALK[2:]) for pairs in range(1, 15)]
    first = next(index for index, each in enumerate(made) if each is not None)
    assert first < 4
    assert all(each is not None and each.told for each in made[first:])
