"""Fifteen engines, each broken in the one way that its invariant is there to catch."""

import random
from types import SimpleNamespace

from msgspec.structs import replace

from domain import events as e
from domain.compaction import engine
from domain.compaction.entries import Group
from domain.compaction.openai_shape import OpenAIMessage, openai_messages
from domain.compaction.picking import Picked
from domain.compaction.turns import Turns
from domain.state import evolve
from domain.summaries import Range
from tests.domain.compaction.world import REAL


def broken(**parts) -> SimpleNamespace:
    return SimpleNamespace(**(vars(REAL) | parts))


def then(change):
    """The real thinking, its result changed."""

    def think(live, wanted, tools, weights):
        thought = engine.think(live, wanted, tools, weights)
        return None if thought is None else change(thought)

    return think


def forgets_the_oldest(live, wanted, budget, tools, weights):
    turns = engine.shortened(live, wanted, budget, tools, weights)
    return Turns(list(turns.before)[1:], turns.summary, list(turns.after)[1:])


def ignores_pins(live, wanted, tools, weights):
    entries = [replace(entry, is_pinned=False) for entry in live.entries]
    return engine.think(replace(live, entries=entries), wanted, tools, weights)


def tears_groups(thought):
    for index, group in enumerate(thought.stay):
        if len(group.entries) > 1:
            stay = list(thought.stay)
            stay[index] = Group(group.entries[:-1], group.missing)
            return replace(thought, stay=stay, leave=[*thought.leave, Group(group.entries[-1:])])
    return thought


def says_one_more_left(thought):
    if not thought.compacted:
        return thought
    last = thought.compacted[-1]
    return replace(thought, compacted=(*thought.compacted[:-1], Range(last.first, last.last + 1)))


def forgets_the_summary_before(thought):
    return replace(thought, superseded=())


def overspends(live, wanted, budget, tools, weights):
    more = budget and budget * 2
    return engine.shortened(live, replace(wanted, target_tokens=more), more, tools, weights)


def counts_one_less(thought):
    return replace(thought, tokens_after=thought.tokens_after - 1)


def grows(live, wanted, tools, weights):
    thought = engine.think(live, wanted, tools, weights)
    if thought is None or not thought.told.pieces:
        return thought
    piece = thought.told.pieces[0]
    told = Picked((*thought.told.pieces, replace(piece, text=piece.text * 300)), ())
    longer = replace(thought, told=told)
    return replace(longer, tokens_after=engine.tokens_of(longer.turns(tools)))


def throws_dice(thought):
    pieces = [p for p in thought.told.pieces if random.random() < 0.5]
    return replace(thought, told=Picked(tuple(pieces), thought.told.passages))


class Shuffled(engine.Thought, frozen=True):
    def turns(self, tools):
        turns = super().turns(tools)
        return Turns(list(turns.after), turns.summary, list(turns.before))


def turns_around(thought):
    return Shuffled(**{name: getattr(thought, name) for name in thought.__struct_fields__})


def swallows(state, event, version, occurred_at):
    after = evolve(state, event, version, occurred_at)
    if isinstance(event, e.ConversationCompacted) and after.compacted is not None:
        return replace(after, compacted=replace(after.compacted, upto=after.last_sequence))
    return after


def takes_anything(text, source_tokens, tools):
    return (text or "").strip()


def keeps_the_pieces(world):
    return replace(world.live(), without=frozenset())


def repairs_nothing(turns):
    return [m for m in openai_messages(turns) if m.content != "[no result recorded]"]


def instructs(turns):
    summary = turns.summary and turns.summary.content
    return [
        OpenAIMessage("system", m.content) if summary and m.content == summary else m
        for m in openai_messages(turns)
    ]


ENGINES = [
    broken(shortened=forgets_the_oldest),
    broken(think=ignores_pins),
    broken(think=then(tears_groups)),
    broken(think=then(says_one_more_left)),
    broken(think=then(forgets_the_summary_before)),
    broken(shortened=overspends),
    broken(think=then(counts_one_less)),
    broken(think=grows),
    broken(think=then(throws_dice)),
    broken(think=then(turns_around)),
    broken(evolve=swallows),
    broken(usable=takes_anything),
    broken(live=keeps_the_pieces),
    broken(openai=repairs_nothing),
    broken(openai=instructs),
]
"""In the order of the invariants."""
