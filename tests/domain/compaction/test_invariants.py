"""The fifteen invariants over random lives, and each of them over an engine that breaks it."""

import pytest

from tests.domain.compaction.broken import ENGINES
from tests.domain.compaction.checking import Broken
from tests.domain.compaction.invariants import INVARIANTS, live_through
from tests.domain.compaction.world import World

LIVES = 200
TRIES = 400
"""Lives in which a broken engine must be caught."""


def test_there_are_fifteen_and_a_broken_engine_for_each():
    assert len(INVARIANTS) == len(ENGINES) == 15


@pytest.mark.parametrize("part", range(10))
def test_they_hold(part):
    for seed in range(part, LIVES, 10):
        live_through(World(seed))


@pytest.mark.parametrize("number", range(15), ids=[check.__name__ for check in INVARIANTS])
def test_a_broken_engine_is_caught(number):
    check = INVARIANTS[number]
    for seed in range(TRIES):
        try:
            live_through(World(seed, ENGINES[number]), [check] * 3)
        except Broken:
            return
    pytest.fail("nothing was noticed")
