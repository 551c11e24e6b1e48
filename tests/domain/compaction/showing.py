"""Invariants of what a model is shown: valid input, and a summary that is one."""

import re
from itertools import pairwise

from domain.compaction.passages import UnusableSummary
from domain.compaction.reading import reading
from domain.compaction.strategies import Wanted
from domain.compaction.summary_text import HEADER
from tests.domain.compaction.checking import Broken, must
from tests.domain.compaction.world import TOOLS, World


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
