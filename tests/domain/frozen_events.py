"""What each stored example in `frozen/events/<topic>/<case>.json` says.

The files are the log's own bytes and are never edited: some log out there holds their like. A new event
or schema, or a new field, adds files and entries here; an entry may only follow a renamed struct field.
"""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from domain import events as e
from domain.envelope import Meta
from domain.policy import CompactionPolicy
from domain.summaries import Passage, Piece, Range, Summarizer

BARE = Meta(
    event_id="evt_01",
    occurred_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    command_id="cmd_01",
    actor="key_01",
)
FULL = Meta(
    event_id="019b0a1c7b2e7c3d8f4e5a6b7c8d9e0f",
    occurred_at=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
    command_id="019b0a1c7b2d7a1b9c2d3e4f5a6b7c8d",
    actor="compaction-worker",
    request_id="req_9f8e7d",
    causation="019b0a1c7b2c7f0e8d7c6b5a49382716",
)
POLICY = CompactionPolicy("hybrid", 16_000, 20, None)

EXPECTED: dict[str, dict[str, tuple[Meta, e.Event]]] = {
    "ConversationStarted.1": {
        "bare": (
            BARE,
            e.ConversationStarted("api", POLICY, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ),
        "full": (
            FULL,
            e.ConversationStarted(
                source="playground",
                compaction=CompactionPolicy("sliding_window", 9_000, 5, 4_000),
                created_at=datetime(2019, 12, 31, 23, 59, 59, 999999, UTC),
                assistant_id="asst_7",
                user_id="user\u00a07",
                title="Zürich → 東京 👋",
                metadata={"tier": "gold", "": "an empty key"},
            ),
        ),
    },
    "ConversationRetitled.1": {
        "titled": (FULL, e.ConversationRetitled('A "quoted" title')),
        "cleared": (BARE, e.ConversationRetitled(None)),
    },
    "ConversationReassigned.1": {
        "both": (FULL, e.ConversationReassigned("asst_1", "user_1")),
        "none": (BARE, e.ConversationReassigned(None, None)),
    },
    "MetadataChanged.1": {
        "set": (BARE, e.MetadataChanged({"a": "1"})),
        "removed": (BARE, e.MetadataChanged({}, ("a", "b"))),
        "both": (FULL, e.MetadataChanged({"a": "1", "c": "3"}, ("b",))),
    },
    "CompactionPolicyChanged.1": {
        "to_none": (BARE, e.CompactionPolicyChanged(CompactionPolicy("none", 16_000, 20, None))),
        "to_summaries": (
            FULL,
            e.CompactionPolicyChanged(CompactionPolicy("summarization", 32_000, 0, 8_000)),
        ),
    },
    "ConversationArchived.1": {"bare": (BARE, e.ConversationArchived())},
    "ConversationUnarchived.1": {"bare": (BARE, e.ConversationUnarchived())},
    "ConversationDeleted.1": {"bare": (BARE, e.ConversationDeleted())},
    "ConversationRestored.1": {"bare": (BARE, e.ConversationRestored())},
    "MessageAppended.1": {
        "bare": (
            BARE,
            e.MessageAppended(
                message_id="msg_1",
                sequence=1,
                role="user",
                content=msgspec.Raw(b'"Hello"'),
                input_tokens=5,
                output_tokens=0,
                token_count=5,
                tokenizer="o200k_base",
                created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
                context_tokens=8,
                trigger_tokens=16_000,
            ),
        ),
        "full": (
            FULL,
            e.MessageAppended(
                message_id="019b0a1c7b2e7c3d8f4e5a6b7c8d9e0f",
                sequence=100_000,
                role="assistant",
                content=msgspec.Raw(b'[{"type": "text",\t"text": "exact  spaces"}, {"n": 1.50}]'),
                input_tokens=1_200,
                output_tokens=345,
                token_count=350,
                tokenizer="cl100k_base",
                created_at=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
                context_tokens=15_999,
                trigger_tokens=9_000,
                kind="reasoning",
                tool_calls=msgspec.Raw(
                    b'[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]'
                ),
                tool_call_id="call_0",
                name="helper",
                model="gpt-4o",
                finish_reason="tool_calls",
                extra=msgspec.Raw(b'{"reasoning_content":"..."}'),
                incomplete="client_disconnected",
                cost_cents=Decimal("0.001250000001"),
                metadata={"trace": "abc"},
            ),
        ),
        "exact": (
            BARE,
            e.MessageAppended(
                message_id="msg_2",
                sequence=2,
                role="tool",
                content=msgspec.Raw(
                    b'"NUL \\u0000, escaped \\u00fc, plain \xc3\xbc, \\ud83d\\ude00, \\/, \xf0\x9f\x98\x80"'
                ),
                input_tokens=0,
                output_tokens=0,
                token_count=25,
                tokenizer="o200k_base",
                created_at=datetime(1970, 1, 1, tzinfo=UTC),
                context_tokens=33,
                trigger_tokens=16_000,
                tool_call_id="call \0 with NUL",
                extra=msgspec.Raw(
                    b'{"big":123456789012345678901234567890,"tiny":1e-400,"a":1,"a":2}'
                ),
                cost_cents=Decimal(0),
            ),
        ),
    },
    "MessageRetracted.1": {
        "bare": (BARE, e.MessageRetracted("msg_1", 1, 5)),
        "an_answer": (
            BARE,
            e.MessageRetracted("msg_3", 3, 9, {"call_1": (2,)}, {"call_2": (1, 1)}),
        ),
    },
    "MessagePinned.1": {
        "bare": (BARE, e.MessagePinned("msg_1", 1)),
        "compacted": (FULL, e.MessagePinned("msg_4", 4, (3, 4, 5), 7_021)),
    },
    "MessageUnpinned.1": {
        "bare": (BARE, e.MessageUnpinned("msg_1", 1)),
        "compacted": (FULL, e.MessageUnpinned("msg_4", 4, 6_900)),
    },
    "ConversationCompacted.1": {
        "window": (
            BARE,
            e.ConversationCompacted(
                compaction_id="cmp_1",
                strategy="sliding_window",
                keep_recent=0,
                target_tokens=None,
                trigger="manual",
                watermark=9,
                compacted=(Range(2, 8),),
                tokens_before=100,
                tokens_after=20,
                tokenizer="o200k_base",
                engine="verbatim-1",
            ),
        ),
        "pieces": (
            FULL,
            e.ConversationCompacted(
                compaction_id="cmp_019b0a1c7b2e7c3d8f4e5a6b7c8d9e0f",
                strategy="hybrid",
                keep_recent=20,
                target_tokens=4_000,
                trigger="automatic",
                watermark=120,
                compacted=(Range(2, 40), Range(42, 101)),
                tokens_before=16_050,
                tokens_after=3_980,
                tokenizer="cl100k_base",
                engine="verbatim-1",
                summary_id="sum_019b0a1c7b2e7c3d8f4e5a6b7c8d9e0f",
                pieces=(
                    Piece(2, "user", 0, 13, "Zürich \u2192 \U0001f44b", 3.25),
                    Piece(40, "tool", 120, 141, 'order.status="shipped"', 0.5),
                ),
                summarized=99,
                first_sequence=2,
                last_sequence=101,
                superseded=("sum_1", "sum_2"),
                summarizer=Summarizer("extracts", "1"),
            ),
        ),
        "told": (
            BARE,
            e.ConversationCompacted(
                compaction_id="cmp_4",
                strategy="hybrid",
                keep_recent=20,
                target_tokens=None,
                trigger="manual",
                watermark=9,
                compacted=(Range(5, 8),),
                tokens_before=100,
                tokens_after=20,
                tokenizer="o200k_base",
                engine="verbatim-1",
                summary_id="sum_4",
                pieces=(Piece(2, "user", 0, 5, "Hello", 1.0),),
                summarized=6,
                first_sequence=2,
                last_sequence=8,
                summarizer=Summarizer("extracts", "1"),
                told=(Range(2, 3), Range(5, 8)),
            ),
        ),
        "passages": (
            FULL,
            e.ConversationCompacted(
                compaction_id="cmp_3",
                strategy="summarization",
                keep_recent=4,
                target_tokens=None,
                trigger="manual",
                watermark=10,
                compacted=(Range(2, 6),),
                tokens_before=500,
                tokens_after=200,
                tokenizer="o200k_base",
                engine="verbatim-1",
                summary_id="sum_3",
                passages=(Passage(2, 6, "They agreed on Tuesday.", "gpt-4o-mini"),),
                summarized=5,
                first_sequence=2,
                last_sequence=6,
                summarizer=Summarizer("openai", "1", "gpt-4o-mini"),
                instructions="Keep all dates.",
            ),
        ),
    },
}
