"""A compaction in the log: when it counts, what the state knows of it, what pins and retractions then do."""

import pytest

from domain import commands as c
from domain import events as e
from domain import ranges
from domain.commands import RetractMessage
from domain.refusals import CompactionOvertaken, ConversationIsDeleted
from domain.state import ConversationState
from domain.summaries import Range
from tests.domain.builders import (
    Story,
    answered,
    appended,
    asked,
    compact,
    compacted,
    given,
    pinned,
    retracted,
    started,
    unpinned,
)


def ten() -> Story:
    """Messages m1 … m10 of 10 tokens each: the context costs 103."""
    return given(started(), *(appended(f"m{n}") for n in range(1, 11)))


def live(state: ConversationState) -> list[int]:
    upto = state.compacted.upto if state.compacted else 0
    early = state.compacted.live() if state.compacted else []
    rest = [s for s in range(upto + 1, state.last_sequence + 1) if s not in state.retracted]
    return early + rest


def thought(story: Story, *ranges: tuple[int, int], saved: int = 50, **fields):
    cost = story.now.context_tokens
    return compacted(*ranges, **({"tokens_before": cost, "tokens_after": cost - saved} | fields))


class TestAppending:
    def test_it_is_appended_as_it_was_thought(self):
        story = ten()
        event = thought(story, (2, 7))
        story.when(compact(event, thought_at=11)).then(compacted((2, 7), saved=50))
        assert story.now.context_tokens == 53
        assert live(story.now) == [1, 8, 9, 10]

    def test_messages_that_came_meanwhile_stay(self):
        story = ten()
        event = thought(story, (2, 7))
        story.and_then(appended("m11"), e.ConversationRetitled("t"))
        story.when(compact(event, thought_at=11)).then(compacted((2, 7), saved=50))
        assert story.now.context_tokens == 63
        assert story.events[-1].tokens_before - story.events[-1].tokens_after == 50
        assert live(story.now) == [1, 8, 9, 10, 11]

    @pytest.mark.parametrize(
        "meanwhile", [pinned("m3"), retracted("m3"), compacted((1, 1), saved=10)]
    )
    def test_a_change_of_earlier_messages_makes_it_void(self, meanwhile):
        story = ten()
        event = thought(story, (2, 7))
        story.and_then(meanwhile).when(compact(event, thought_at=11)).refused(CompactionOvertaken)

    def test_so_does_a_deletion(self):
        story = ten()
        event = thought(story, (2, 7))
        story.and_then(e.ConversationDeleted())
        story.when(compact(event, thought_at=11)).refused(ConversationIsDeleted)

    def test_without_anything_that_leaves_there_is_no_event(self):
        story = ten()
        story.when(compact(thought(story, saved=0), thought_at=11)).then()

    def test_an_archived_conversation_stays_archived(self):
        story = ten().and_then(e.ConversationArchived())
        event = thought(story, (2, 7))
        story.when(compact(event, thought_at=12)).then(compacted((2, 7), saved=50))
        assert story.now.status == "archived"


class TestWhatIsLive:
    def test_a_second_one_goes_on_from_the_first(self):
        story = ten().and_then(compacted((2, 4)), compacted((5, 6), (8, 8)))
        assert live(story.now) == [1, 7, 9, 10]

    def test_an_earlier_message_may_leave_later(self):
        story = ten().and_then(compacted((2, 4)), compacted((1, 1), (5, 6)))
        assert live(story.now) == [7, 8, 9, 10]
        assert story.now.compacted.is_compacted(1)
        assert not story.now.compacted.is_compacted(7)

    def test_retracted_ones_are_neither(self):
        story = ten().and_then(retracted("m3"), compacted((2, 2), (4, 6)))
        assert live(story.now) == [1, 7, 8, 9, 10]
        story.and_then(retracted("m1"))
        assert live(story.now) == [7, 8, 9, 10]


class TestPins:
    def test_a_pin_brings_back_and_unpinning_takes_away(self):
        story = ten().and_then(compacted((2, 7), saved=50))
        pin = c.PinMessage("m4", 0, (3, 4), 17, 12)
        story.when(pin).then(e.MessagePinned("m4", 4, (3, 4), 70))
        assert (live(story.now), story.now.context_tokens) == ([1, 3, 4, 8, 9, 10], 70)
        story.when(c.UnpinMessage("m4", 0, -17, 13)).then(e.MessageUnpinned("m4", 4, 53))
        assert (live(story.now), story.now.context_tokens) == ([1, 8, 9, 10], 53)

    def test_what_it_changes_must_have_been_worked_out_on_what_stands(self):
        story = ten().and_then(compacted((2, 7), saved=50))
        story.when(c.PinMessage("m4", 0)).refused(CompactionOvertaken)
        story.when(c.PinMessage("m4", 0, (4,), 10, 11)).refused(CompactionOvertaken)
        story.when(c.PinMessage("m9", 0)).then(pinned("m9"))

    def test_a_group_stays_while_one_pin_holds_it(self):
        story = ten().and_then(compacted((2, 7)))
        story.and_then(e.MessagePinned("m3", 3, (3, 4), 70), e.MessagePinned("m4", 4, (3, 4), 70))
        story.and_then(e.MessageUnpinned("m3", 3))
        assert live(story.now) == [1, 3, 4, 8, 9, 10]

    def test_the_next_compaction_makes_it_stay_in_its_own_right(self):
        story = ten().and_then(compacted((2, 7)), e.MessagePinned("m4", 4, (3, 4), 70))
        story.and_then(compacted((8, 8)))
        assert live(story.now) == [1, 3, 4, 9, 10]
        story.and_then(unpinned("m4"))
        assert live(story.now) == [1, 3, 4, 9, 10]

    def test_retracted_it_is_gone(self):
        story = ten().and_then(compacted((2, 7)), e.MessagePinned("m4", 4, (3, 4), 70))
        story.and_then(retracted("m4"))
        assert live(story.now) == [1, 8, 9, 10]
        assert story.now.pinned == frozenset()


def test_an_open_call_costs_its_missing_answer_until_it_is_there():
    story = given(started(), asked("m1", "a", "b"))
    assert story.now.context_tokens == 3 + 10 + 2 * 9
    assert story.events[-1].context_tokens == story.now.context_tokens
    story.and_then(answered("m2", "a"))
    assert story.now.context_tokens == 3 + 20 + 9


def test_a_retracted_call_takes_its_missing_answers_along():
    story = given(started(), asked("m1", "a", "b"), answered("m2", "a"))
    story.when(RetractMessage("m1", 0, 10)).then(retracted("m1", 19))
    assert story.now.context_tokens == 3 + 10


class TestRanges:
    def test_neighbours_make_one(self):
        found = ranges.ranges_of([1, 2, 3, 5, 7, 8])
        assert found == (Range(1, 3), Range(5, 5), Range(7, 8))
        assert ranges.joined([Range(7, 9), Range(1, 3), Range(4, 5), Range(2, 2)]) == (
            Range(1, 5),
            Range(7, 9),
        )
        assert ranges.size(found) == 6

    def test_what_is_gone_is_cut_out(self):
        assert ranges.without([Range(1, 3), Range(5, 5)], [2, 5, 9]) == (Range(1, 1), Range(3, 3))

    def test_gaps(self):
        assert ranges.gaps([Range(2, 3), Range(6, 6)], 1, 8) == [1, 4, 5, 7, 8]
