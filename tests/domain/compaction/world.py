"""A conversation that lives and is compacted, as the services would do it, without any server.

Random histories hold what real ones do, and worse: parallel calls, ids used again, calls that nobody answers,
results out of order, pins on any member, empty, huge and odd texts.
"""

import json
import random
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from zlib import crc32

import msgspec

from domain import commands as c
from domain import events as e
from domain.calls import OpenCalls
from domain.compaction import anthropic_shape, counting, due, openai_shape, pins
from domain.compaction import engine as real
from domain.compaction.entries import Entry
from domain.compaction.loading import entry_of, live_of
from domain.compaction.passages import usable
from domain.compaction.recording import compaction_event
from domain.compaction.strategies import Wanted
from domain.compaction.tools import Tools
from domain.compaction.weights import Weights
from domain.decide import decide
from domain.policy import CompactionPolicy
from domain.state import ConversationState, evolve
from domain.tokens import MISSING_RESULT, MISSING_RESULT_TOKENS, message_tokens
from tests.domain.compaction.words import arguments, odd_part, text

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
_TOKENS = re.compile(r"\w{1,6}|[^\w\s]|\s+")


def encode(text: str) -> list[int]:
    """Pieces of words, numbered by a hash: rare ones high, as in a real vocabulary."""
    return [crc32(piece.encode()) % 200_000 for piece in _TOKENS.findall(text)]


def count(text: str) -> int:
    if text == MISSING_RESULT:
        return MISSING_RESULT_TOKENS - 4  # as with the real ones
    return len(_TOKENS.findall(text))


TOOLS = Tools("words", count, encode, lambda words: [word[:5] for word in words])

REAL = SimpleNamespace(
    think=real.think,
    turns_now=real.turns_now,
    shortened=real.shortened,
    tokens_of=real.tokens_of,
    openai=openai_shape.openai_messages,
    anthropic=anthropic_shape.anthropic_context,
    decide=decide,
    evolve=evolve,
    is_due=due.is_due,
    usable=usable,
    live=lambda world: world.live(),
)
"""What a broken engine breaks one part of."""


@dataclass
class World:
    seed: int
    engine: SimpleNamespace = field(default_factory=lambda: REAL)
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.state: ConversationState | None = None
        self.events: list[e.Event] = []
        self.told: set[int] = set()
        self.messages: dict[int, e.MessageAppended] = {}
        policy = CompactionPolicy("hybrid", self.chance.choice([60, 300, 2_000]), 6, None)
        self.carry_out(c.StartConversation("api", policy, NOON))

    def carry_out(self, command: c.Command) -> list[e.Event]:
        events = self.engine.decide(self.state, command)
        for event in events:
            self.events.append(event)
            if isinstance(event, e.ConversationCompacted):
                self.told = self.told_after(event)
            self.state = self.engine.evolve(self.state, event, len(self.events), NOON)
            if isinstance(event, e.MessageAppended):
                self.messages[event.sequence] = event
        return events

    def told_after(self, event: e.ConversationCompacted) -> set[int]:
        """The messages that the live summary stands for, as the events have it."""
        if event.summary_id is None:
            return set()
        gone = self.now.compacted.untold() if self.now.compacted else set()
        left = {s for run in event.compacted for s in range(run.first, run.last + 1)}
        return (self.told - gone) | left

    # What is said

    def live_on(self, steps: int) -> None:
        for _ in range(steps):
            pick = self.chance.random()
            if pick < 0.82:
                self.say()
            elif pick < 0.9 and self.standing():
                self.pin(self.some())
            elif pick < 0.94 and self.now.pinned:
                self.unpin(self.chance.choice(sorted(self.now.pinned)))
            elif pick < 0.97 and self.standing():
                self.retract(self.some())

    def say(self) -> None:
        waiting = [call for call in self.now.open_calls if call]
        pick = self.chance.random()
        if waiting and pick < 0.75:
            self.append("tool", text(self.chance), tool_call_id=self.chance.choice(waiting))
        elif pick < 0.3:
            self.append("assistant", self.chance.choice([None, text(self.chance)]), calls=True)
        elif pick < 0.6:
            self.append("assistant", text(self.chance))
        elif pick < 0.95:
            self.append("user", text(self.chance))
        else:
            self.append(self.chance.choice(["system", "developer"]), text(self.chance))

    def append(self, role, content, *, tool_call_id=None, calls=False) -> None:
        made = self.calls() if calls else None
        if self.chance.random() < 0.1 and isinstance(content, str):
            content = [{"type": "text", "text": content}, odd_part(self.chance)]
        name = "Ada" if self.chance.random() < 0.05 else None
        tokens = message_tokens(count, role=role, content=content, tool_calls=made, name=name)
        number = self.now.last_sequence + 1
        message = c.NewMessage(
            f"m{number}", role, raw(content), 0, 0, tokens, "words", NOON,
            tool_calls=raw(made), tool_call_id=tool_call_id, name=name,
        )  # fmt: skip
        self.carry_out(c.AppendMessages((message,)))

    def calls(self):
        ids = [
            self.chance.choice(["a", "b", "c", "c d", "x" * 30])
            for _ in range(self.chance.choice([1, 1, 2, 3]))
        ]
        return [
            {
                "id": each,
                "type": "function",
                "function": {"name": self.chance.choice(["find", "get.it"]), "arguments": arguments(self.chance)},
            }
            for each in ids
        ]  # fmt: skip

    def some(self) -> int:
        return self.chance.choice(self.standing())

    def standing(self) -> list[int]:
        return [s for s in self.messages if s not in self.now.retracted]

    def pin(self, sequence: int) -> None:
        self.carry_out(pins.pinning(self.now, self.entries(), self.last, sequence, TOOLS))

    def unpin(self, sequence: int) -> None:
        self.carry_out(pins.unpinning(self.now, self.entries(), self.last, sequence, TOOLS))

    def retract(self, sequence: int) -> None:
        self.carry_out(pins.retracting(self.now, self.entries(), self.last, sequence, TOOLS))

    def take_back_an_answer(self) -> None:
        """Where there is one in the context."""
        live = {entry.sequence for entry in self.live().entries}
        answers = [s for s in self.standing() if s in live and self.messages[s].role == "tool"]
        if answers:
            self.retract(self.chance.choice(answers))

    def waiting(self) -> OpenCalls:
        """The calls that the context shows without an answer, but for what a pin brought back."""
        return pins.waiting_calls(self.live().entries)

    # What stands

    @property
    def now(self) -> ConversationState:
        assert self.state is not None
        return self.state

    @property
    def last(self) -> e.ConversationCompacted | None:
        found = [event for event in self.events if isinstance(event, e.ConversationCompacted)]
        return found[-1] if found else None

    def entries(self) -> list[Entry]:
        """All that were not retracted."""
        return [
            entry_of(m, is_pinned=s in self.now.pinned, tokens=m.token_count)
            for s, m in self.messages.items()
            if s not in self.now.retracted
        ]

    def live(self) -> real.Live:
        return live_of(self.now, self.entries(), self.last)

    def whole(self) -> real.Live:
        return real.Live(self.entries())

    def wanted(self, **more) -> Wanted:
        chance = self.chance
        now = self.now.context_tokens
        target = chance.choice([None, None, max(1, int(now * chance.choice([0.2, 0.5, 0.8, 1.5])))])
        strategy = chance.choice(["sliding_window", "summarization", "hybrid", "hybrid"])
        given = {
            "strategy": strategy,
            "keep_recent": chance.choice([0, 1, 4, 20]),
            "target_tokens": target,
        }
        return Wanted(**(given | {"trigger_tokens": self.now.compaction.trigger_tokens} | more))

    def think(self, wanted: Wanted) -> real.Thought | None:
        return self.engine.think(self.live(), wanted, TOOLS, self.weights)

    def compact(self, wanted: Wanted) -> real.Thought | None:
        """Think and append. Raises ContextBudgetTooSmall."""
        thought = self.think(wanted)
        if thought is not None:
            self.carry_out(self.command(thought, wanted))
        return thought

    def command(self, thought: real.Thought, wanted: Wanted) -> c.CompactConversation:
        event = compaction_event(
            thought, wanted, self.now, f"cmp_{len(self.events)}", f"sum_{len(self.events)}",
            trigger="manual", tokenizer="words",
        )  # fmt: skip
        return c.CompactConversation(event, self.now.version)

    def openai(self, turns):
        messages = json.loads(msgspec.json.encode(self.engine.openai(turns)))
        return messages, counting.openai_tokens(count, messages)

    def anthropic(self, turns):
        context = json.loads(msgspec.json.encode(self.engine.anthropic(turns)))
        return context, counting.anthropic_tokens(count, context["system"], context["messages"])


def raw(value) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value, ensure_ascii=False).encode())
