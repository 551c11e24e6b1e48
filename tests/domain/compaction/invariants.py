"""The fifteen things that must always hold, each as a check of a world; a world that breaks one raises Broken.

A check may go on with the world: what it does is part of its life.
"""

import random

from domain.refusals import ContextBudgetTooSmall
from tests.domain.compaction.checking import must
from tests.domain.compaction.costing import (
    a_budget_is_kept,
    it_is_deterministic,
    it_never_grows,
    tokens_are_counted_on_what_is_rendered,
)
from tests.domain.compaction.showing import (
    a_bad_summary_is_none,
    a_summary_is_data,
    it_is_valid_input,
)
from tests.domain.compaction.staying import (
    a_pin_brings_back,
    appends_are_never_lost,
    groups_stay_together,
    kept_and_compacted_make_the_whole,
    nothing_is_told_twice,
    order_is_kept,
    the_log_is_untouched,
    what_is_pinned_stays,
)
from tests.domain.compaction.world import World

INVARIANTS = [
    the_log_is_untouched,
    what_is_pinned_stays,
    groups_stay_together,
    kept_and_compacted_make_the_whole,
    nothing_is_told_twice,
    a_budget_is_kept,
    tokens_are_counted_on_what_is_rendered,
    it_never_grows,
    it_is_deterministic,
    order_is_kept,
    appends_are_never_lost,
    a_bad_summary_is_none,
    a_pin_brings_back,
    it_is_valid_input,
    a_summary_is_data,
]


def live_through(world: World, checks=INVARIANTS) -> None:
    """A life in which each check has its turn."""
    order = list(checks)
    random.Random(world.seed).shuffle(order)
    world.live_on(world.chance.choice([0, 2, 8, 20]))
    for check in order:
        world.live_on(world.chance.choice([1, 3, 9]))
        try:
            check(world, world.wanted())
        except ContextBudgetTooSmall as refusal:
            must(refusal.needed > 0, "refused without a number")
