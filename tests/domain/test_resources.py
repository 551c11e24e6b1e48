"""What the API answers, made from state and events."""

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain import events as e
from domain import resources
from tests.domain.builders import REPAIR, appended, asked, at, given, retracted, started
from tests.domain.strategies import costs, events_of

CONVERSATION_FIELDS = [
    "id",
    "assistant_id",
    "title",
    "source",
    "status",
    "user_id",
    "message_count",
    "total_input_tokens",
    "total_output_tokens",
    "total_cost_cents",
    "metadata",
    "compaction",
    "context_tokens",
    "version",
    "created_at",
    "updated_at",
    "last_message_at",
    "deleted_at",
]
MESSAGE_FIELDS = [
    "id",
    "conversation_id",
    "sequence",
    "role",
    "content",
    "tool_calls",
    "tool_call_id",
    "name",
    "model",
    "finish_reason",
    "extra",
    "input_tokens",
    "output_tokens",
    "cost_cents",
    "token_count",
    "is_pinned",
    "is_compacted",
    "metadata",
    "created_at",
]


class TestConversation:
    def test_it_has_the_contracts_fields_in_its_order(self):
        assert list(resources.Conversation.__struct_fields__) == CONVERSATION_FIELDS

    def test_it_shows_the_state(self):
        story = given(
            started(assistant_id="a", user_id="u", title="t", source="widget", metadata={"k": "v"}),
            appended("m1", input_tokens=4, token_count=6, created_at=at(-3)),
            asked("m2", "call_1", output_tokens=5, token_count=7, cost_cents=Decimal("0.50")),
            retracted("m1", 6),
            e.ConversationArchived(),
            e.ConversationDeleted(),
        )
        shown = json.loads(resources.encode(resources.conversation("conv_1", story.now)))
        assert shown == {
            "id": "conv_1",
            "assistant_id": "a",
            "title": "t",
            "source": "widget",
            "status": "deleted",
            "user_id": "u",
            "message_count": 1,
            "total_input_tokens": 4,
            "total_output_tokens": 5,
            "total_cost_cents": 0.5,
            "metadata": {"k": "v"},
            "compaction": {
                "strategy": "hybrid",
                "trigger_tokens": 16_000,
                "keep_recent": 20,
                "target_tokens": None,
            },
            "context_tokens": 10 + REPAIR,
            "version": 6,
            "created_at": "2026-03-14T12:00:00.123456Z",
            "updated_at": "2026-03-14T12:06:00.123456Z",
            "last_message_at": "2026-03-14T12:00:00.123456Z",
            "deleted_at": "2026-03-14T12:06:00.123456Z",
        }


class TestMessage:
    def test_answered_it_has_the_contracts_fields(self):
        stored = resources.message_json("conv_1", appended("m1"))
        answered = resources.with_flags(stored, is_pinned=False, is_compacted=True)
        assert set(json.loads(answered)) == set(MESSAGE_FIELDS)
        more = {"kind", "incomplete"}  # shown where they say something
        assert set(resources.Message.__struct_fields__) == set(MESSAGE_FIELDS) | more

    @pytest.mark.parametrize("pinned", [False, True])
    @pytest.mark.parametrize("compacted", [False, True])
    def test_flags_are_added_on_reading(self, pinned, compacted):
        stored = resources.message_json("conv_1", appended("m1"))
        assert "is_pinned" not in json.loads(stored)
        answered = resources.with_flags(stored, is_pinned=pinned, is_compacted=compacted)
        flags = {"is_pinned": pinned, "is_compacted": compacted}
        assert json.loads(answered) == json.loads(stored) | flags

    @for_all(events_of(e.MessageAppended))
    def test_it_shows_the_event_and_the_callers_json_byte_for_byte(self, event):
        stored = resources.message_json("conv_1", event)
        shown = msgspec.json.decode(stored, type=resources.StoredMessage)
        for name in resources.StoredMessage.__struct_fields__:
            if name not in {"id", "conversation_id", "kind", "incomplete"}:
                assert getattr(shown, name) == getattr(event, name), name
        assert ("message" if shown.kind is msgspec.UNSET else shown.kind) == event.kind
        assert (shown.incomplete or None) == (event.incomplete or None)
        assert (shown.id, shown.conversation_id) == (event.message_id, "conv_1")
        for own in (event.content, event.tool_calls, event.extra):
            assert bytes(own) in stored

    def test_money_is_a_number(self):
        stored = resources.message_json("c", appended("m", cost_cents=Decimal("0.012500000000")))
        assert b'"cost_cents":0.0125,' in stored


class TestMoney:
    @pytest.mark.parametrize(
        ("number", "text"),
        [
            ("0", b"0"),
            ("0.000", b"0"),
            ("-0", b"0"),
            ("100", b"100"),
            ("1E+3", b"1000"),
            ("12.500", b"12.5"),
            ("1000000000.000000000001", b"1000000000.000000000001"),
        ],
    )
    def test_equal_numbers_read_equal(self, number, text):
        assert resources.encode(resources.plain(Decimal(number))) == text

    @for_all(st.lists(costs, max_size=20))
    def test_a_sum_is_exact_and_reads_back(self, parts):
        total = sum(parts, Decimal(0))
        text = resources.encode(resources.plain(total))
        assert json.loads(text, parse_float=Decimal, parse_int=Decimal) == total
