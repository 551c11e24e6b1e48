"""Append, pin, unpin, retract."""

from decimal import Decimal

import msgspec
import pytest

from domain import events as e
from domain import refusals as r
from domain.decide import MAX_MESSAGES, decide
from domain.policy import CompactionPolicy
from tests.domain.builders import (
    REPAIR,
    answered,
    answering,
    append,
    appended,
    as_event,
    asked,
    asking,
    at,
    given,
    message,
    pin,
    pinned,
    raw,
    retract,
    retracted,
    started,
    unpin,
    unpinned,
    update,
)


class TestAppend:
    def test_numbers_go_on(self):
        story = given(started(), appended("a"), appended("b"))
        story.when(append(message("c"), message("d"))).then(appended("c"), appended("d"))
        assert [event.sequence for event in story.events[1:]] == [1, 2, 3, 4]

    def test_everything_of_a_message_is_kept(self):
        new = message(
            "a",
            "assistant",
            kind="reasoning",
            content=raw([{"type": "text", "text": "x"}, {"type": "from_the_future", "n": 1}]),
            tool_calls=raw([{"id": "c", "type": "unheard_of"}]),
            name="bot",
            model="some-model",
            finish_reason="tool_calls",
            extra=raw({"reasoning": ["…"]}),
            incomplete="client went away",
            cost_cents=Decimal("0.0125"),
            input_tokens=7,
            output_tokens=8,
            token_count=9,
            tokenizer="cl100k_base",
            created_at=at(-9),
            metadata={"k": "v"},
        )
        given(started()).when(append(new)).then(as_event(new))

    def test_context_counts_each_message_and_the_list(self):
        story = given(started())
        story.when(append(message("a", token_count=5), message("b", token_count=7)))
        story.then(appended("a", token_count=5), appended("b", token_count=7))
        assert [event.context_tokens for event in story.events[1:]] == [8, 15]

    def test_it_carries_the_trigger_of_the_policy_now(self):
        policy = CompactionPolicy("hybrid", 900, 2, None)
        story = given(started(), e.CompactionPolicyChanged(policy))
        story.when(append(message("a"))).then(appended("a"))
        assert story.events[-1].trigger_tokens == 900

    def test_an_archived_conversation_is_active_again(self):
        story = given(started(), e.ConversationArchived())
        story.when(append(message("a"))).then(e.ConversationUnarchived(), appended("a"))
        assert story.now.status == "active"

    def test_nothing_is_no_event_even_if_archived(self):
        given(started(), e.ConversationArchived()).when(append()).then()

    def test_an_id_twice_in_a_batch_is_refused(self):
        command = append(message("a"), message("b"), message("a"))
        given(started()).when(command).refused(r.MessageExists, "messages[2].id")

    def test_the_limit_of_a_conversation(self):
        story = given(started(), appended("a"))
        full = msgspec.structs.replace(story.now, last_sequence=MAX_MESSAGES - 1)
        assert len(decide(full, append(message("b")))) == 1
        with pytest.raises(r.ConversationIsFull):
            decide(full, append(message("b"), message("c")))


class TestToolCalls:
    def test_an_answer_needs_a_call(self):
        story = given(started(), appended("a", "assistant"))
        command = append(message("b"), answering("c", "call_1"))
        story.when(command).refused(r.UnmatchedToolCall, "messages[1].tool_call_id")

    def test_outside_a_list_the_param_is_the_field(self):
        command = append(answering("a", "call_1"), in_list=False)
        given(started()).when(command).refused(r.UnmatchedToolCall, "tool_call_id")

    def test_an_answer_without_an_id_is_refused(self):
        command = append(answering("b", None), in_list=False)
        story = given(started(), asked("a", "call_1"))
        story.when(command).refused(r.UnmatchedToolCall, "tool_call_id")

    def test_parallel_calls_are_answered_in_any_order(self):
        story = given(started(), asked("a", "call_1", "call_2"))
        command = append(answering("b", "call_2"), answering("c", "call_1"))
        story.when(command).then(answered("b", "call_2"), answered("c", "call_1"))
        assert story.now.open_calls == {}

    def test_a_call_is_answered_once(self):
        story = given(started(), asked("a", "call_1"), answered("b", "call_1"))
        command = append(answering("c", "call_1"), in_list=False)
        story.when(command).refused(r.UnmatchedToolCall, "tool_call_id")

    def test_ids_repeat_across_messages(self):
        story = given(started(), asked("a", "call_1"), answered("b", "call_1"))
        command = append(asking("c", "call_1"), answering("d", "call_1"))
        story.when(command).then(asked("c", "call_1"), answered("d", "call_1"))

    def test_ids_repeat_while_open_and_within_a_message(self):
        story = given(started(), asked("a", "x", "x"), asked("b", "x"))
        assert story.now.open_calls == {"x": (1, 1, 2)}
        story.when(append(*(answering(f"t{n}", "x") for n in range(3))))
        story.then(*(answered(f"t{n}", "x") for n in range(3)))
        story.when(append(answering("late", "x"), in_list=False))
        story.refused(r.UnmatchedToolCall, "tool_call_id")

    def test_calls_may_stay_unanswered(self):
        story = given(started(), asked("a", "call_1"))
        story.when(append(message("b"), message("c", "assistant")))
        story.then(appended("b"), appended("c", "assistant"))
        story.when(append(answering("d", "call_1"))).then(answered("d", "call_1"))

    def test_a_call_of_an_earlier_message_only(self):
        command = append(answering("a", "call_1"), asking("b", "call_1"))
        given(started()).when(command).refused(r.UnmatchedToolCall, "messages[0].tool_call_id")


class TestPins:
    def test_pinning_and_unpinning(self):
        story = given(started(), appended("a"), appended("b"))
        story.when(pin("b")).then(pinned("b"))
        assert story.now.pinned == {2}
        story.when(unpin("b")).then(unpinned("b"))
        assert story.now.pinned == frozenset()

    def test_no_change_is_no_event(self):
        given(started(), appended("a"), pinned("a")).when(pin("a")).then()
        given(started(), appended("a")).when(unpin("a")).then()

    @pytest.mark.parametrize("command", [pin("a"), unpin("a")])
    def test_a_retracted_message_is_no_longer_there(self, command):
        story = given(started(), appended("a"), pinned("a"), retracted("a"))
        story.when(command).refused(r.MessageNotFound, "message_id")

    def test_an_archived_conversation_stays_archived(self):
        story = given(started(), appended("a"), e.ConversationArchived())
        story.when(pin("a")).then(pinned("a"))
        assert story.now.status == "archived"


class TestRetraction:
    def test_it_leaves_the_context_and_the_count_and_keeps_its_number(self):
        story = given(started(), appended("a", token_count=5), appended("b", token_count=7))
        story.when(retract("a", 5)).then(retracted("a", 5))
        assert story.now.message_count == 1
        assert story.now.context_tokens == 10
        story.when(append(message("c"))).then(appended("c"))
        assert story.events[-1].sequence == 3

    def test_it_was_paid_for(self):
        story = given(started(), appended("a", input_tokens=5, cost_cents=Decimal("0.5")))
        story.when(retract("a")).then(retracted("a"))
        assert (story.now.input_tokens, story.now.cost_cents) == (5, Decimal("0.5"))

    def test_an_empty_context_costs_nothing(self):
        story = given(started(), appended("a")).when(retract("a")).then(retracted("a"))
        assert story.now.context_tokens == 0

    def test_its_pin_goes(self):
        story = given(started(), appended("a"), appended("b"), pinned("a"), pinned("b"))
        story.when(retract("a")).then(retracted("a"))
        assert story.now.pinned == {2}

    def test_its_calls_can_no_longer_be_answered(self):
        story = given(started(), asked("a", "call_1", "call_2"), asked("b", "call_2"))
        story.when(retract("a")).then(retracted("a", 10 + 2 * REPAIR))
        assert story.now.open_calls == {"call_2": (2,)}
        story.when(append(answering("c", "call_1"), in_list=False))
        story.refused(r.UnmatchedToolCall, "tool_call_id")

    def test_a_retracted_answer_does_not_open_its_call_again(self):
        story = given(started(), asked("a", "call_1"), answered("b", "call_1"))
        story.when(retract("b")).then(retracted("b"))
        assert story.now.open_calls == {}

    def test_once_is_enough(self):
        story = given(started(), appended("a")).when(retract("a")).then(retracted("a"))
        story.when(retract("a")).then()

    def test_titles_and_the_rest_stay_open_to_change(self):
        story = given(started(), appended("a"), retracted("a"))
        story.when(update(title="x")).then(e.ConversationRetitled("x"))
