"""Random lives of a conversation, held against a naive count of their events."""

from decimal import Decimal
from operator import itemgetter

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain import commands as c
from domain import events as e
from domain import refusals as r
from domain.codec import Codec
from domain.decide import decide
from domain.envelope import Meta
from domain.snapshot import frozen, thawed
from domain.state import ConversationState, evolve
from tests.domain.builders import NOON, POLICY, REPAIR, at, raw
from tests.domain.strategies import batches, metadata, optional_texts, patches, policies

CODEC = Codec()


class Life(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.state: ConversationState | None = None
        self.events: list[e.Event] = []
        self.minted = 0

    # What can be asked

    @initialize(messages=batches, policy=policies, title=optional_texts, pairs=metadata)
    def start(self, messages, policy, title, pairs):
        command = c.StartConversation(
            "api", policy, NOON, title=title, metadata=pairs, messages=self.named(messages)
        )
        if self.carry_out(command) is None:
            self.carry_out(c.StartConversation("api", POLICY, NOON))
        with pytest.raises(r.ConversationExists):
            decide(self.state, command)

    @rule(messages=batches)
    def append(self, messages):
        command = c.AppendMessages(self.named(messages))
        fits = not self.is_deleted() and self.answers_fit(command.messages)
        assert (self.carry_out(command) is not None) == fits

    @rule(command=patches)
    def update(self, command):
        self.carry_out(command)

    @rule()
    def delete(self):
        self.carry_out(c.DeleteConversation())

    @rule()
    def restore(self):
        self.carry_out(c.RestoreConversation())

    @precondition(lambda self: self.appended())
    @rule(data=st.data(), what=st.sampled_from(["pin", "unpin", "retract"]))
    def touch_a_message(self, data, what):
        event = data.draw(st.sampled_from(self.appended()))
        name = (event.message_id, event.sequence)
        match what:
            case "pin":
                self.carry_out(c.PinMessage(*name))
            case "unpin":
                self.carry_out(c.UnpinMessage(*name))
            case _:
                self.carry_out(c.RetractMessage(*name, event.token_count))

    # What must hold

    def carry_out(self, command: c.Command) -> list[e.Event] | None:
        """None where it was refused, which must have left nothing behind."""
        before = None if self.state is None else msgspec.json.encode(self.state)
        refusal, events = None, None
        try:
            events = decide(self.state, command)
        except r.Refusal as caught:
            refusal = caught
        assert refusal is None or self.may_refuse(refusal), refusal
        assert (None if self.state is None else msgspec.json.encode(self.state)) == before
        for event in events or ():
            self.events.append(event)
            version = len(self.events)
            self.state = evolve(self.state, event, version, at(version))
            assert thawed(frozen(self.state)) == self.state
        if events is not None and not isinstance(command, c.StartConversation | c.AppendMessages):
            assert decide(self.state, command) == [], "asked again, it must change nothing"
        return events

    def may_refuse(self, refusal: r.Refusal) -> bool:
        match refusal:
            case r.ConversationIsDeleted():
                return self.is_deleted()
            case r.MessageNotFound():
                return bool(self.retracted())
            case r.TooMuchMetadata() | r.UnmatchedToolCall():
                return not self.is_deleted()
            case _:
                return False

    @invariant()
    def messages_are_numbered_without_a_gap(self):
        sequences = [event.sequence for event in self.appended()]
        assert sequences == list(range(1, len(sequences) + 1))
        assert self.state is None or self.state.last_sequence == len(sequences)

    @invariant()
    def counters_are_what_the_events_say(self):
        if self.state is None:
            return
        appended, gone = self.appended(), self.retracted()
        live = [event for event in appended if event.sequence not in gone]
        assert self.state.version == len(self.events)
        assert self.state.updated_at == at(len(self.events))
        assert self.state.message_count == len(live)
        if live:
            costs = sum(m.token_count for m in live) + self.repairs(len(self.events))
            assert self.state.context_tokens == costs + 3
        else:
            assert self.state.context_tokens == 0
        assert self.state.input_tokens == sum(m.input_tokens for m in appended)
        assert self.state.output_tokens == sum(m.output_tokens for m in appended)
        assert self.state.cost_cents == sum((m.cost_cents or 0 for m in appended), Decimal(0))
        assert self.state.last_message_at == max((m.created_at for m in appended), default=None)
        assert self.state.retracted == gone
        assert len(self.state.metadata) <= 16
        assert (self.state.status == "deleted") == self.is_deleted()

    @invariant()
    def each_message_knows_the_context_after_it(self):
        live: dict[int, int] = {}
        for index, event in enumerate(self.events, 1):
            if isinstance(event, e.MessageRetracted):
                del live[event.sequence]
            if isinstance(event, e.MessageAppended):
                live[event.sequence] = event.token_count
                assert event.context_tokens == sum(live.values()) + 3 + self.repairs(index)

    @invariant()
    def pins_are_of_messages_that_stand(self):
        pins: set[int] = set()
        for event in self.events:
            if isinstance(event, e.MessagePinned):
                assert event.sequence not in pins
                pins.add(event.sequence)
            elif isinstance(event, e.MessageUnpinned):
                pins.remove(event.sequence)
            elif isinstance(event, e.MessageRetracted):
                pins.discard(event.sequence)
        assert self.state is None or self.state.pinned == pins

    @invariant()
    def every_answer_has_a_call_and_every_call_one_answer(self):
        waiting = self.waiting()
        if self.state is not None:
            held = [(name, seq) for name, seqs in self.state.open_calls.items() for seq in seqs]
            assert sorted(held) == sorted(waiting)
            assert all(self.state.open_calls.values()), "an id without a call was kept"

    def teardown(self):
        """Stored and read again, the same life leads to the same state."""
        state = None
        for version, event in enumerate(self.events, 1):
            meta = Meta(f"evt_{version}", at(version), "cmd", "key")
            back, read = CODEC.decode(*CODEC.encode(meta, event))
            assert (back, read) == (meta, event)
            state = evolve(state, read, version, back.occurred_at)
        assert state == self.state

    # Naive answers

    def named(self, messages):
        """With ids of their own; calls only on assistant messages, answers only on tool messages."""
        named = []
        for message in messages:
            self.minted += 1
            fields = {"message_id": f"msg_{self.minted}"}
            if message.role != "assistant":
                fields["tool_calls"] = raw([])
            if message.role != "tool":
                fields["tool_call_id"] = None
            named.append(msgspec.structs.replace(message, **fields))
        return tuple(named)

    def repairs(self, upto: int) -> int:
        return REPAIR * len(self.waiting(upto))

    def waiting(self, upto: int | None = None) -> list[tuple[str, int]]:
        """Calls without an answer: id and sequence, as the events have it."""
        waiting: list[tuple[str, int]] = []
        for event in self.events[:upto]:
            if isinstance(event, e.MessageRetracted):
                waiting = [call for call in waiting if call[1] != event.sequence]
            elif isinstance(event, e.MessageAppended) and event.role == "tool":
                same = [call for call in waiting if call[0] == event.tool_call_id]
                waiting.remove(max(same, key=itemgetter(1)))
            elif isinstance(event, e.MessageAppended):
                made = msgspec.json.decode(event.tool_calls)
                waiting += [(call["id"], event.sequence) for call in made]
        return waiting

    def answers_fit(self, messages) -> bool:
        waiting = [name for name, _ in self.waiting()]
        for message in messages:
            if message.role != "tool":
                waiting += [call["id"] for call in msgspec.json.decode(message.tool_calls)]
            elif message.tool_call_id in waiting:
                waiting.remove(message.tool_call_id)
            else:
                return False
        return True

    def appended(self) -> list[e.MessageAppended]:
        return [event for event in self.events if isinstance(event, e.MessageAppended)]

    def retracted(self) -> set[int]:
        return {event.sequence for event in self.events if isinstance(event, e.MessageRetracted)}

    def is_deleted(self) -> bool:
        marks = [
            isinstance(event, e.ConversationDeleted)
            for event in self.events
            if isinstance(event, e.ConversationDeleted | e.ConversationRestored)
        ]
        return bool(marks) and marks[-1]


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
