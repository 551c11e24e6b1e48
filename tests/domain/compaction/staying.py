"""Invariants of what stays in a context and what leaves it."""

import json

import msgspec

from domain import commands as c
from domain.compaction.entries import groups_of
from domain.compaction.reading import reading
from domain.compaction.strategies import Wanted
from domain.compaction.summary_text import HEADER
from domain.refusals import CompactionOvertaken
from domain.state import has_left, is_compacted
from tests.domain.compaction.checking import Broken, must, sequences
from tests.domain.compaction.world import TOOLS, World


def all_of_it(world: World) -> Wanted:
    return Wanted("none", 0, None, 1_000)


def the_log_is_untouched(world: World, wanted: Wanted) -> None:
    before = msgspec.json.encode(world.events)
    world.compact(wanted)
    must(msgspec.json.encode(world.events).startswith(before[:-1]), "an event was changed")
    turns = world.engine.shortened(world.whole(), all_of_it(world), None, TOOLS, world.weights)
    shown, _ = world.openai(turns)
    expected = [
        json.loads(bytes(entry.content))
        for group in groups_of(world.entries())
        if not group.is_orphan
        for entry in group.entries
    ]
    told = [m["content"] for m in shown if m["content"] != "[no result recorded]"]
    must(told == expected, "`none` does not give the full history")


def what_is_pinned_stays(world: World, wanted: Wanted) -> None:
    thought = world.think(wanted)
    if thought is None:
        return
    shown, _ = world.openai(thought.turns(TOOLS))
    texts = [json.dumps(m["content"]) for m in shown]
    at = -1
    for group in groups_of(world.live().entries):
        if group.is_orphan or not (group.is_pinned or group.role in ("system", "developer")):
            continue
        first = json.dumps(group.entries[0].decoded_content())
        must(first in texts[at + 1 :], "what must stay is gone, changed, or out of its order")
        at = texts.index(first, at + 1)
    kept = sequences(thought.stay)
    must(len(kept) == len(set(kept)), "a message stands twice")


def groups_stay_together(world: World, wanted: Wanted) -> None:
    thought = world.think(wanted)
    if thought is None:
        return
    left = set(sequences(thought.leave))
    for group in groups_of(world.live().entries):
        inside = {entry.sequence in left for entry in group.entries}
        must(len(inside) == 1, "a group was torn apart")
        must(group.is_orphan or not (group.missing and True in inside), "an open call left")
    world.compact(wanted)
    must(world.now.open_calls == world.waiting(), "what waits is not what has no answer")
    world.take_back_an_answer()
    must(world.now.open_calls == world.waiting(), "a retraction made it so")


def kept_and_compacted_make_the_whole(world: World, wanted: Wanted) -> None:
    before = sequences(groups_of(world.live().entries))
    thought = world.compact(wanted)
    if thought is None:
        return
    kept, left = sequences(thought.stay), sequences(thought.leave)
    must(sorted(kept + left) == before, "kept and compacted are not the whole")
    event = world.last
    ranged = [s for run in event.compacted for s in range(run.first, run.last + 1)]
    must(ranged == left, "the event's ranges are not what left")
    must(sequences(groups_of(world.live().entries)) == kept, "what is live is not what was kept")
    if event.summary_id is None:
        must(event.summarized == 0, "no summary, but messages it stands for")
        asked = wanted.strategy == "sliding_window" or wanted.target_tokens is not None
        said = [e for group in thought.leave if not group.is_orphan for e in group.entries]
        words = any(reading(entry).units for entry in said)
        must(asked or not words, "messages left without a word, and nobody asked for so little")
        return
    must(event.summarized == len(world.told), "the summary stands for others than those that left")
    must(
        [s for run in event.told for s in range(run.first, run.last + 1)] == sorted(world.told),
        "the summary's ranges are wrong",
    )
    span = (event.first_sequence, event.last_sequence)
    must(span == (min(world.told), max(world.told)), "the summary's span is wrong")


def nothing_is_told_twice(world: World, wanted: Wanted) -> None:
    previous = world.last
    thought = world.compact(wanted)
    if thought is None:
        return
    event = world.last
    if previous is not None and previous.summary_id is not None:
        must(event.superseded == (previous.summary_id,), "two summaries are live")
    live = set(sequences(groups_of(world.live().entries)))
    must(
        not live & {p.sequence for p in event.pieces},
        "a message stands in the context and in the summary",
    )
    spans = [(p.sequence, p.start, p.end) for p in event.pieces]
    must(len(spans) == len(set(spans)), "a piece stands twice")
    world.live_on(3)
    again = world.compact(world.wanted())
    if again is not None:
        left = set(sequences(again.leave))
        still = set(sequences(groups_of(world.live().entries)))
        must(live - left - world.now.retracted <= still, "a kept message was lost")


def order_is_kept(world: World, wanted: Wanted) -> None:
    thought = world.think(wanted)
    if thought is None:
        return
    turns = thought.turns(TOOLS)
    shown = list(turns.groups())
    must([g.sequence for g in shown] == sorted(g.sequence for g in shown), "out of order")
    users = [g.sequence for g in groups_of(world.live().entries) if g.role == "user"]
    must(not users or users[-1] in {g.sequence for g in shown}, "the last user message is gone")
    messages, _ = world.openai(turns)
    if turns.summary is not None and any(g.role == "user" for g in turns.after):
        first = turns.after[0]
        held = first.is_pinned or first.missing or first.role in ("system", "developer")
        must(first.role == "user" or held, "what follows the summary does not begin with the user")
        place = [m["content"] for m in messages].index(turns.summary.content)
        must(
            place == sum(len(g.entries) + len(g.missing) for g in turns.before),
            "the summary is misplaced",
        )


def appends_are_never_lost(world: World, wanted: Wanted) -> None:
    thought = world.think(wanted)
    if thought is None:
        return
    command = world.command(thought, wanted)
    first = world.now.last_sequence + 1
    world.say()
    world.say()
    before, cost = set(range(first, world.now.last_sequence + 1)), world.now.context_tokens
    if world.chance.random() < 0.3:
        world.carry_out(c.PinMessage(f"m{first}", first))
        try:
            world.carry_out(command)
        except CompactionOvertaken:
            return
        raise Broken("a pin did not void what was thought before it")
    world.carry_out(command)
    live = set(sequences(groups_of(world.live().entries)))
    must(before <= live, "a message that came meanwhile was swallowed")
    _, after = world.openai(world.engine.turns_now(world.live(), TOOLS))
    must(
        after == world.now.context_tokens == cost - thought.tokens_saved, "the costs do not add up"
    )


def a_pin_brings_back(world: World, wanted: Wanted) -> None:
    world.compact(wanted)
    gone = [
        s
        for s in world.standing()
        if has_left(world.now, s) and world.now.compacted.is_compacted(s)
    ]
    gone = [s for s in gone if s not in world.now.pinned]
    if not gone:
        return
    before, _ = world.openai(world.engine.turns_now(world.live(), TOOLS))
    sequence = world.chance.choice(gone)
    out = groups_of(x for x in world.entries() if is_compacted(world.now, x.sequence))
    group = next(g for g in out if any(x.sequence == sequence for x in g.entries))
    world.pin(sequence)
    live = world.engine.live(world)
    turns = world.engine.turns_now(live, TOOLS)
    shown = [entry.sequence for group in turns.groups() for entry in group.entries]
    if not group.is_orphan:
        must(sequence in shown, "the pinned message did not come back")
        back = next(g for g in turns.groups() if any(x.sequence == sequence for x in g.entries))
        must(sequences([back]) == sequences([group]), "it came back with others than its group's")
        must(len(shown) == len(set(shown)), "it came back twice")
        _, cost = world.openai(turns)
        must(cost == world.now.context_tokens, "the cost told is not the one rendered")
        pieces = [p.text for p in world.last.pieces if p.sequence in world.now.compacted.untold()]
        alone = [
            p.text for p in world.last.pieces if p.sequence not in world.now.compacted.untold()
        ]
        content = turns.summary.content if turns.summary else ""
        must(all(p in content for p in alone), "pieces of others left the summary")
        must(
            all(p not in content or any(p in q for q in alone) or p in HEADER for p in pieces),
            "its pieces are still in the summary",
        )
    world.unpin(sequence)
    after, _ = world.openai(world.engine.turns_now(world.live(), TOOLS))
    must(before == after, "unpinning did not undo it")
