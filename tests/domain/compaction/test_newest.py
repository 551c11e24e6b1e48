"""How much of a target `hybrid` gives to the newest messages, and how much to the summary."""

import msgspec
import pytest

from domain.compaction.entries import Entry, groups_of
from domain.compaction.strategies import Wanted, split
from domain.tokens import LIST_TOKENS

MESSAGES = 2_000
COST = 10
NOW = LIST_TOKENS + MESSAGES * COST


def newest(target: int | None, trigger: int = 1_000_000, keep_recent: int = MESSAGES) -> int:
    """Tokens of those that stay besides the last user message, in a talk of messages that cost the same."""
    entries = [
        Entry(n, f"m{n}", ("user", "assistant")[n % 2], msgspec.Raw(b'"Hello"'), COST)
        for n in range(1, MESSAGES + 1)
    ]
    parts = split(groups_of(entries), NOW, 0, Wanted("hybrid", keep_recent, target, trigger))
    assert [group.sequence for group in parts.stay][-1] == MESSAGES
    return (len(parts.stay) - 1) * COST


@pytest.mark.parametrize(
    ("share", "of_the_target"),
    [(0.9, 1 / 4), (0.5, 1 / 4), (0.25, 1 / 8), (0.125, 1 / 16), (0.02, 1 / 16)],
)
def test_a_small_target_is_for_the_summary(share: float, of_the_target: float) -> None:
    target = int(NOW * share)
    # Whole messages, and the first one that stays is a user's.
    assert target * of_the_target - 3 * COST <= newest(target) <= target * of_the_target


def test_without_a_target_a_quarter_is_for_the_newest() -> None:
    assert NOW / 8 - 3 * COST <= newest(None) <= NOW / 8


def test_the_target_is_never_for_more_messages_than_asked_for() -> None:
    assert newest(NOW // 2, keep_recent=5) == 4 * COST
