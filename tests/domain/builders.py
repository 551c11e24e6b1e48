"""Sentences for tests: `given(started(), appended("msg_1")).when(pin("msg_1")).then(pinned("msg_1"))`.

Builders fill in what a test does not speak of. Sequences, context sizes and the sequence behind a
message's id are the story's: it numbers messages as they come, independently of the code under test.
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from domain import commands as c
from domain import events as e
from domain.decide import decide
from domain.policy import CompactionPolicy
from domain.refusals import Refusal
from domain.state import ConversationState, evolve
from domain.summaries import Range

NOON = datetime(2026, 3, 14, 12, 0, 0, 123456, UTC)
POLICY = CompactionPolicy("hybrid", 16_000, 20, None)
REPAIR = 9
"""What a tool call costs until its answer is there."""
LATER = 0
"""A sequence or a context that the story fills in."""


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def raw(value: object) -> msgspec.Raw:
    """A caller's JSON, spaces and all: as `json` writes it."""
    return msgspec.Raw(json.dumps(value, ensure_ascii=False).encode())


def calls(*ids: str) -> msgspec.Raw:
    function = {"name": "find", "arguments": "{}"}
    return raw([{"id": each, "type": "function", "function": function} for each in ids])


# Commands


def start(*messages: c.NewMessage, **fields) -> c.StartConversation:
    given = {"source": "api", "compaction": POLICY, "created_at": NOON} | fields
    return c.StartConversation(messages=messages, **given)


def message(message_id: str, role: e.Role = "user", **fields) -> c.NewMessage:
    """Costs 10 tokens unless said otherwise."""
    given = {
        "content": raw(f"text of {message_id}"),
        "input_tokens": 0 if role == "assistant" else 10,
        "output_tokens": 10 if role == "assistant" else 0,
        "token_count": 10,
        "tokenizer": "o200k_base",
        "created_at": NOON,
    } | fields
    return c.NewMessage(message_id, role, **given)


def asking(message_id: str, *call_ids: str, **fields) -> c.NewMessage:
    """An assistant message that calls tools."""
    return message(message_id, "assistant", tool_calls=calls(*call_ids), **fields)


def answering(message_id: str, call_id: str | None, **fields) -> c.NewMessage:
    return message(message_id, "tool", tool_call_id=call_id, **fields)


def append(*messages: c.NewMessage, **fields) -> c.AppendMessages:
    return c.AppendMessages(messages, **fields)


def update(**fields) -> c.UpdateConversation:
    return c.UpdateConversation(**fields)


def delete() -> c.DeleteConversation:
    return c.DeleteConversation()


def restore() -> c.RestoreConversation:
    return c.RestoreConversation()


def pin(message_id: str) -> c.PinMessage:
    return c.PinMessage(message_id, LATER)


def unpin(message_id: str) -> c.UnpinMessage:
    return c.UnpinMessage(message_id, LATER)


def retract(message_id: str, token_count: int = 10) -> c.RetractMessage:
    return c.RetractMessage(message_id, LATER, token_count)


# Events


def started(**fields) -> e.ConversationStarted:
    given = {"source": "api", "compaction": POLICY, "created_at": NOON} | fields
    return e.ConversationStarted(**given)


def appended(message_id: str, role: e.Role = "user", **fields) -> e.MessageAppended:
    return as_event(message(message_id, role, **fields))


def asked(message_id: str, *call_ids: str, **fields) -> e.MessageAppended:
    return as_event(asking(message_id, *call_ids, **fields))


def answered(message_id: str, call_id: str, **fields) -> e.MessageAppended:
    return as_event(answering(message_id, call_id, **fields))


def as_event(new: c.NewMessage) -> e.MessageAppended:
    fields = msgspec.structs.asdict(new)
    return e.MessageAppended(**fields, sequence=LATER, context_tokens=LATER, trigger_tokens=LATER)


def pinned(message_id: str) -> e.MessagePinned:
    return e.MessagePinned(message_id, LATER)


def unpinned(message_id: str) -> e.MessageUnpinned:
    return e.MessageUnpinned(message_id, LATER)


def retracted(message_id: str, token_count: int = 10) -> e.MessageRetracted:
    return e.MessageRetracted(message_id, LATER, token_count)


def compacted(*ranges: tuple[int, int], saved: int = 0, **fields) -> e.ConversationCompacted:
    """Without a summary unless said otherwise; the story fills in what the context cost, and less `saved`."""
    given = {
        "compaction_id": "cmp_1",
        "strategy": "hybrid",
        "keep_recent": 20,
        "target_tokens": None,
        "trigger": "manual",
        "watermark": ranges[-1][1] if ranges else 0,
        "tokens_before": LATER,
        "tokens_after": -saved,
        "tokenizer": "o200k_base",
        "engine": "test",
    } | fields
    return e.ConversationCompacted(compacted=tuple(Range(*run) for run in ranges), **given)


def compact(event: e.ConversationCompacted, thought_at: int) -> c.CompactConversation:
    return c.CompactConversation(event, thought_at)


# Stories


class Story:
    """A conversation's events so far: event n occurred n minutes past noon."""

    def __init__(self) -> None:
        self.state: ConversationState | None = None
        self.events: list[e.Event] = []
        self._sequences: dict[str, int] = {}
        self._tokens = 0
        self._trigger = 0
        self._command: c.Command | None = None

    def and_then(self, *events: e.Event) -> "Story":
        for event in events:
            self._take(self._numbered(event))
        return self

    def when(self, command: c.Command) -> "Story":
        if isinstance(command, c.PinMessage | c.UnpinMessage | c.RetractMessage):
            sequence = self._sequences[command.message_id]
            command = msgspec.structs.replace(command, sequence=sequence)
        self._command = command
        return self

    def then(self, *expected: e.Event) -> "Story":
        """The command makes exactly these events; the story goes on after them."""
        assert self._command is not None, "no command was given"
        decided = decide(self.state, self._command)
        before = len(self.events)
        for event in expected:
            self._take(self._numbered(event))
        assert decided == self.events[before:]
        return self

    def refused(self, refusal: type[Refusal], param: str | None = None) -> None:
        assert self._command is not None, "no command was given"
        with pytest.raises(refusal) as caught:
            decide(self.state, self._command)
        assert caught.value.param == param

    @property
    def now(self) -> ConversationState:
        assert self.state is not None, "nothing was started"
        return self.state

    def _take(self, event: e.Event) -> None:
        self.events.append(event)
        version = len(self.events)
        self.state = evolve(self.state, event, version, at(version))

    def _numbered(self, event: e.Event) -> e.Event:
        replace = msgspec.structs.replace
        match event:
            case e.ConversationStarted() | e.CompactionPolicyChanged():
                self._trigger = event.compaction.trigger_tokens
            case e.MessageAppended():
                self._sequences[event.message_id] = sequence = len(self._sequences) + 1
                self._tokens += event.token_count
                made = len(json.loads(bytes(event.tool_calls)) or ())
                self._tokens += REPAIR * (made - (event.role == "tool"))
                return replace(
                    event,
                    sequence=sequence,
                    context_tokens=self._tokens + 3,
                    trigger_tokens=self._trigger,
                )
            case e.MessageRetracted():
                self._tokens -= event.token_count
                return replace(event, sequence=self._sequences[event.message_id])
            case e.MessagePinned() | e.MessageUnpinned():
                return replace(event, sequence=self._sequences[event.message_id])
            case e.ConversationCompacted():
                before = self._tokens + 3
                self._tokens += event.tokens_after
                return replace(event, tokens_before=before, tokens_after=self._tokens + 3)
            case _:
                pass
        return event


def given(*events: e.Event) -> Story:
    return Story().and_then(*events)


def cents(text: str) -> Decimal:
    return Decimal(text)
