"""Calls whose answers are taken back, and what random lives found about them: short histories, one a test."""

import json

import pytest

from domain import commands as c
from domain.compaction.strategies import Wanted
from domain.refusals import UnmatchedToolCall
from domain.tokens import message_tokens
from tests.domain.compaction.world import NOON, TOOLS, World, count, raw

LONG = "The order ZRH-4711 ships to Bern on 2026-05-20 and costs 12.50 EUR. " * 4


class Story(World):
    """Told message by message; what must hold after each step is looked at."""

    def __init__(self) -> None:
        super().__init__(0)

    def say(self, role="user", content=LONG, calls=(), answers=None) -> int:
        made = [{"id": each, "type": "function", "function": {"name": "f", "arguments": "{}"}} for each in calls]  # fmt: skip
        tokens = message_tokens(count, role=role, content=content, tool_calls=made or None)
        number = self.now.last_sequence + 1
        message = c.NewMessage(
            f"m{number}", role, raw(content), 0, 0, tokens, "words", NOON,
            tool_calls=raw(made or None), tool_call_id=answers,
        )  # fmt: skip
        self.carry_out(c.AppendMessages((message,)))
        return number

    def call(self, *ids: str) -> int:
        return self.say("assistant", None, calls=ids)

    def answer(self, call_id: str) -> int:
        return self.say("tool", LONG, answers=call_id)

    def carry_out(self, command):
        events = super().carry_out(command)
        if self.events:
            _, cost = self.openai(self.engine.turns_now(self.live(), TOOLS))
            assert self.now.context_tokens == cost
            assert self.now.open_calls == self.waiting()
        return events

    def groups(self) -> list[tuple[int, ...]]:
        """What the context shows, by the sequences of each group."""
        shown = self.engine.turns_now(self.live(), TOOLS).groups()
        return [tuple(entry.sequence for entry in group.entries) for group in shown]

    def shown(self) -> list:
        messages, _ = self.openai(self.engine.turns_now(self.live(), TOOLS))
        return messages


def test_a_call_whose_answer_was_taken_back_waits_again() -> None:
    story = Story()
    story.say()
    call = story.call("c")
    story.retract(story.answer("c"))
    assert story.events[-1].reopens == {"c": (call,)}
    assert story.shown()[-1]["content"] == "[no result recorded]"
    story.answer("c")
    assert [m["role"] for m in story.shown()] == ["user", "assistant", "tool"]
    with pytest.raises(UnmatchedToolCall):
        story.answer("c")


def test_one_of_parallel_calls() -> None:
    story = Story()
    story.call("a", "b")
    story.answer("a")
    story.retract(story.answer("b"))
    assert story.now.open_calls == {"b": (1,)}


def test_the_other_call_of_an_id_gets_what_is_left() -> None:
    """The nearest earlier call takes an answer: where one is gone, the later one moves up."""
    story = Story()
    first, second = story.call("c"), story.call("c")
    gone = story.answer("c")
    story.answer("c")
    story.retract(gone)
    assert story.now.open_calls == {"c": (first,)}
    story.retract(second)
    assert story.events[-1].closes == {"c": (first,)}
    assert story.now.open_calls == {}


def test_a_call_that_left_waits_for_nothing() -> None:
    story = Story()
    story.say()
    call = story.call("c")
    gone = story.answer("c")
    story.say()
    story.compact(Wanted("summarization", 0, None, 100))
    story.pin(call)
    story.retract(gone)
    assert story.events[-1].reopens == {}
    assert json.dumps(story.shown()).count("[no result recorded]") == 1
    story.unpin(call)
    assert story.now.open_calls == {}


def test_what_a_pin_brings_back_is_no_answer_to_a_call_that_waits() -> None:
    story = Story()
    waits = story.call("c")
    call = story.call("c")
    alone = story.answer("c")
    story.say(content="And now?")
    story.compact(Wanted("summarization", 0, None, 100))
    story.retract(call)
    story.pin(alone)
    assert story.now.open_calls == {"c": (waits,)}
    story.say(content="And now?")
    story.compact(Wanted("hybrid", 20, None, 100))
    story.answer("c")
    assert story.now.open_calls == {}


def test_what_comes_back_is_grouped_as_it_left() -> None:
    """Two calls of one id, answered crosswise after a retraction: by ids alone each would take the other's."""
    story = Story()
    first, second = story.call("c"), story.call("c")
    gone, of_first = story.answer("c"), story.answer("c")
    story.say()
    story.pin(second)
    story.compact(Wanted("sliding_window", 0, None, 100))
    story.unpin(second)
    story.retract(gone)
    of_second = story.answer("c")
    story.pin(of_first)
    assert story.groups() == [(first, of_first), (second, of_second), (5,)]
    story.compact(Wanted("sliding_window", 0, None, 100))
    assert story.groups() == [(first, of_first), (5,)]
    story.pin(of_second)
    assert story.groups() == [(first, of_first), (second, of_second), (5,)]
    story.compact(Wanted("sliding_window", 0, None, 100))
    story.unpin(of_first)
    assert story.groups() == [(first, of_first), (second, of_second), (5,)]


def test_a_second_pin_holds_what_the_first_brought_back() -> None:
    story = Story()
    call = story.call("c", "d")
    one, other = story.answer("c"), story.answer("d")
    story.say()
    story.compact(Wanted("summarization", 0, None, 100))
    story.pin(one)
    story.pin(other)
    assert story.now.compacted.returned == {"2": (call, one, other), "3": (call, one, other)}
    story.unpin(one)
    assert story.groups() == [(call, one, other), (4,)]
    story.unpin(other)
    assert story.groups() == [(4,)]


def test_none_by_hand_changes_nothing_even_with_a_target() -> None:
    story = Story()
    for _ in range(6):
        story.say()
    assert story.compact(Wanted("summarization", 0, None, 500)) is not None
    assert story.now.compacted.summary_id is not None
    assert story.compact(Wanted("none", 0, story.now.context_tokens - 1, 500)) is None


def test_after_the_summary_comes_the_user_though_one_was_retracted() -> None:
    story = Story()
    for _ in range(4):
        story.say()
        story.say("assistant")
    opening = story.say()
    answer = story.say("assistant", "Yes.")
    story.say("user", "And then?")
    story.compact(Wanted("summarization", 3, None, 500))
    story.retract(opening)
    assert [m["role"] for m in story.shown()][:2] == ["user", "assistant"]
    target = story.now.context_tokens - 5
    thought = story.compact(Wanted("summarization", 20, target, 500))
    assert thought is not None
    assert answer not in [entry.sequence for entry in story.live().entries]
