"""The fifteen things that must always hold, each as a check of a world; a world that breaks one raises Broken.

A check may go on with the world: what it does is part of its life.
"""

import copy
import json
import random
import re
from itertools import pairwise

import msgspec

from domain import commands as c
from domain.compaction import due
from domain.compaction.engine import Live
from domain.compaction.entries import Group, groups_of
from domain.compaction.passages import UnusableSummary
from domain.compaction.reading import reading
from domain.compaction.strategies import Wanted
from domain.compaction.summary_text import HEADER
from domain.refusals import CompactionOvertaken, ContextBudgetTooSmall
from domain.state import has_left, is_compacted
from tests.domain.compaction.world import TOOLS, World


class Broken(AssertionError):  # noqa: N818 - names the finding
    pass


def must(holds: object, what: str) -> None:
    if not holds:
        raise Broken(what)


def sequences(groups: list[Group]) -> list[int]:
    return sorted(entry.sequence for group in groups for entry in group.entries)


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


def a_bad_summary_is_none(world: World, wanted: Wanted) -> None:
    for answer in [
        "",
        " \n",
        None,
        "Error: upstream timed out",
        "I'm sorry, I cannot help.",
        '{"error": {"code": 500}}',
        "w " * 5_000,
    ]:
        try:
            world.engine.usable(answer, 200, TOOLS)
        except UnusableSummary:
            continue
        raise Broken(f"taken for a summary: {answer!r:.60}")
    must(
        world.engine.usable(" They agreed on 4711. ", 200, TOOLS) == "They agreed on 4711.",
        "a good one was refused",
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


def it_is_valid_input(world: World, wanted: Wanted) -> None:
    thought = world.think(wanted)
    turns = (
        thought.turns(TOOLS) if thought is not None else world.engine.turns_now(world.live(), TOOLS)
    )
    messages, _ = world.openai(turns)
    check_openai(messages)
    context, _ = world.anthropic(turns)
    check_anthropic(context)


def check_openai(messages: list[dict]) -> None:
    open_ids: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            must(message["tool_call_id"] in open_ids, "a result without its call before it")
            open_ids.remove(message["tool_call_id"])
            continue
        must(not open_ids, "a call without its result")
        open_ids = [call["id"] for call in message.get("tool_calls") or ()]
        must(len(set(open_ids)) == len(open_ids), "two calls of one id in a message")
        must(message.get("content") is not None or open_ids, "a message without content")
    must(not open_ids, "a call without its result")


def check_anthropic(context: dict) -> None:
    messages = context["messages"]
    must(not messages or messages[0]["role"] == "user", "the first is not the user")
    for one, two in pairwise(messages):
        must(one["role"] != two["role"], "neighbours of one role")
    blocks = [b for m in messages for b in m["content"]] + context["system"]
    must(all(b["text"].strip() for b in blocks if b["type"] == "text"), "a blank text")
    uses = [b["id"] for b in blocks if b["type"] == "tool_use"]
    must(len(set(uses)) == len(uses), "an id of two calls")
    must(all(re.fullmatch(r"[a-zA-Z0-9_-]+", each) for each in uses), "an id of odd letters")
    for index, message in enumerate(messages):
        must(message["content"], "an empty message")
        asked = [b["id"] for b in message["content"] if b["type"] == "tool_use"]
        if not asked:
            continue
        must(index + 1 < len(messages), "a call at the end")
        answered = messages[index + 1]["content"][: len(asked)]
        must(
            sorted(b.get("tool_use_id", "") for b in answered) == sorted(asked),
            "results do not follow their calls",
        )
    results = [b for m in messages for b in m["content"] if b["type"] == "tool_result"]
    must(len(results) == len(uses), "a result without its call")


def a_summary_is_data(world: World, wanted: Wanted) -> None:
    thought = world.think(wanted)
    if thought is None or not thought.told:
        return
    turns = thought.turns(TOOLS)
    messages, _ = world.openai(turns)
    held = [
        m for m in messages if isinstance(m["content"], str) and m["content"].startswith(HEADER)
    ]
    held = [m for m in held if m["content"] == thought.told.content()]
    must(
        [m["role"] for m in held] == ["user"],
        "the summary is not one user message under its header",
    )
    texts = {entry.sequence: reading(entry).text for entry in world.entries()}
    for piece in thought.told.pieces:
        if piece.sequence in texts:
            cut = texts[piece.sequence][piece.start : piece.end]
            must(cut == piece.text, "a piece is not cut from its source word for word")
    content = thought.told.content()
    must(
        all(piece.text in content for piece in thought.told.pieces),
        "the summary changes its pieces",
    )


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
