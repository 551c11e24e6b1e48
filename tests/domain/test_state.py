"""The fold, where decisions do not show it."""

from decimal import Decimal
from typing import get_args

import msgspec
import pytest

from domain import events as e
from domain.state import ConversationState, evolve, weight
from tests.domain.builders import (
    NOON,
    appended,
    asked,
    at,
    compacted,
    given,
    pinned,
    retracted,
    started,
)


def test_it_begins_as_it_was_started():
    state = given(started(created_at=at(-90), title="t", metadata={"a": "1"})).now
    assert (state.version, state.status, state.message_count) == (1, "active", 0)
    assert (state.created_at, state.updated_at) == (at(-90), at(1))
    assert (state.last_message_at, state.context_tokens, state.last_sequence) == (None, 0, 0)


def test_totals_are_sums():
    state = given(
        started(),
        appended("a", input_tokens=3, cost_cents=Decimal("0.1")),
        appended("b", "assistant", output_tokens=5, cost_cents=Decimal("0.2")),
        appended("c", "assistant", input_tokens=7, output_tokens=9, cost_cents=None),
    ).now
    assert (state.input_tokens, state.output_tokens) == (10, 14)
    assert state.cost_cents == Decimal("0.3")
    assert state.message_count == 3
    assert state.context_tokens == 33


def test_the_last_message_is_the_latest_not_the_newest():
    state = given(
        started(), appended("a", created_at=at(-5)), appended("b", created_at=at(-50))
    ).now
    assert state.last_message_at == at(-5)
    assert state.updated_at == at(3)


EVERY_CHANGE = [
    e.ConversationRetitled("t"),
    e.ConversationReassigned("a", "u"),
    e.MetadataChanged({"k": "v"}),
    e.CompactionPolicyChanged(started().compaction),
    e.ConversationArchived(),
    e.ConversationUnarchived(),
    e.ConversationDeleted(),
    e.ConversationRestored(),
    e.MessagePinned("a", 1),
    e.MessageUnpinned("a", 1),
    e.MessageRetracted("a", 1, 10),
    compacted((1, 1)),
    appended("b"),
]


def test_every_event_has_a_rule_and_is_tried_here():
    assert {type(event) for event in EVERY_CHANGE} | {e.ConversationStarted} == set(
        get_args(e.Event)
    )


@pytest.mark.parametrize("event", EVERY_CHANGE, ids=lambda event: event.NAME)
def test_every_event_moves_the_version_and_the_time(event):
    before = given(started(), appended("a")).now
    kept = msgspec.json.encode(before)
    after = evolve(before, event, 3, at(99))
    assert (after.version, after.updated_at) == (3, at(99))
    assert msgspec.json.encode(before) == kept, "a shared state was changed in place"


@pytest.mark.parametrize("event", EVERY_CHANGE, ids=lambda event: event.NAME)
def test_a_stream_begins_with_its_start(event):
    with pytest.raises(ValueError, match="begins with a ConversationStarted"):
        evolve(None, event, 1, NOON)


def test_a_stream_holds_one_start():
    with pytest.raises(ValueError, match="holds one ConversationStarted"):
        evolve(given(started()).now, started(), 2, NOON)


def test_a_key_set_and_removed_by_one_event_is_set():
    state = given(started(metadata={"a": "1"}), e.MetadataChanged({"a": "2"}, ("a",))).now
    assert state.metadata == {"a": "2"}


def test_it_comes_back_from_json():
    """Read models keep it that way."""
    state = given(
        started(metadata={"k": "v"}),
        asked("a", "call \0 ü", "call_2", cost_cents=Decimal("0.30")),
        appended("b"),
        pinned("b"),
        retracted("b"),
        compacted((1, 1)),
        e.MessagePinned("a", 1, (1,), 40),
    ).now
    stored = msgspec.json.encode(state)
    assert msgspec.json.decode(stored, type=ConversationState) == state


def test_weight_grows_with_what_the_state_holds():
    small = given(started()).now
    story = given(started(title="t" * 100, metadata={"k": "v" * 100}))
    story.and_then(*(asked(f"m{n}", f"call_{n}") for n in range(50)))
    assert weight(small) < weight(story.now)
    assert weight(story.now) > 50 * len("call_00")
    huge = given(started(), asked("a", "x" * 1_000_000)).now
    assert weight(huge) > 1_000_000
