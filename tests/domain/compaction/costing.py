"""Invariants of what a context costs, and of doing it again."""

import copy

import msgspec

from domain.compaction import due
from domain.compaction.engine import Live
from domain.compaction.strategies import Wanted
from domain.refusals import ContextBudgetTooSmall
from tests.domain.compaction.checking import must
from tests.domain.compaction.world import TOOLS, World


def a_budget_is_kept(world: World, wanted: Wanted) -> None:
    for _ in range(3):
        budget = world.chance.randrange(1, max(2, world.now.context_tokens * 5 // 4))
        asked = msgspec.structs.replace(wanted, target_tokens=budget, asked_as="max_tokens")
        try:
            turns = world.engine.shortened(world.live(), asked, budget, TOOLS, world.weights)
        except ContextBudgetTooSmall as refusal:
            must(refusal.needed > budget, "refused though it was enough")
            budget = refusal.needed
            asked = msgspec.structs.replace(asked, target_tokens=budget)
            turns = world.engine.shortened(world.live(), asked, budget, TOOLS, world.weights)
        _, cost = world.openai(turns)
        must(cost <= budget, f"{cost} tokens for a budget of {budget}")
        must(cost == world.engine.tokens_of(turns), "the cost told is not the one rendered")


def tokens_are_counted_on_what_is_rendered(world: World, wanted: Wanted) -> None:
    _, before = world.openai(world.engine.turns_now(world.live(), TOOLS))
    must(world.now.context_tokens == before, "the state's count is not the rendered context's")
    thought = world.compact(wanted)
    if thought is None:
        return
    _, after = world.openai(world.engine.turns_now(world.live(), TOOLS))
    event = world.last
    must(
        (event.tokens_before, event.tokens_after) == (before, after), "the event's counts are wrong"
    )
    must(thought.tokens_saved == before - after, "saved is not the difference")
    must(world.now.context_tokens == after, "the state's count is wrong afterwards")


def it_never_grows(world: World, wanted: Wanted) -> None:
    before = world.now.context_tokens
    thought = world.compact(wanted)
    _, after = world.openai(world.engine.turns_now(world.live(), TOOLS))
    must(after < before if thought is not None else after == before, "the context grew")
    state = world.now
    trigger = state.compaction.trigger_tokens
    must(not world.engine.is_due(state) or state.context_tokens >= trigger, "due below the trigger")
    if world.engine.is_due(state):
        must(not world.engine.is_due(state, state.context_tokens), "tried again without growth")
    if thought is not None:
        must(not world.engine.is_due(state), "due again at once")


def it_is_deterministic(world: World, wanted: Wanted) -> None:
    first = world.think(wanted)
    again = copy.deepcopy(world.live())
    second = world.engine.think(
        Live(again.entries, again.told, again.place, again.without), wanted, TOOLS, world.weights
    )
    must(
        msgspec.json.encode(first and first.told) == msgspec.json.encode(second and second.told),
        "two answers",
    )
    must((first and first.compacted) == (second and second.compacted), "two choices")
    done = world.compact(wanted)
    if done is None:
        must(first is None, "the preview promised more")
        return
    event = world.last
    must(
        (event.tokens_before, event.tokens_after) == (first.tokens_before, first.tokens_after),
        "preview and compaction differ",
    )
    if wanted.target_tokens is not None:
        must(world.think(wanted) is None, "done again, it does more")
    must(due.is_settled(world.now, wanted) == (wanted.target_tokens is None), "half of the half")
