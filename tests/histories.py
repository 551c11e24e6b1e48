"""Random histories of conversations, decided by the domain itself, and logs made of them."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import psycopg

from domain import commands as c
from domain.codec import Codec
from domain.decide import decide
from domain.envelope import Meta
from domain.events import ConversationCompacted, Event, MessageAppended
from domain.policy import CompactionPolicy
from domain.ranges import ranges_of
from domain.refusals import Refusal
from domain.state import ConversationState, evolve
from domain.summaries import Piece, Summarizer

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
TEXTS = ["hello", "ñ \0 \U0001f600", "", 'quotes " and \\ back', "x" * 3_000]

ASSISTANTS, USERS = [None, "a1", "a2"], [None, "u1", "u2"]
DAYS = [  # on which clocks somewhere do something odd about midnight
    datetime(1930, 5, 1, tzinfo=UTC),  # Amsterdam: 19 minutes and 32 seconds before UTC
    datetime(1972, 1, 6, tzinfo=UTC),  # Monrovia: 44 minutes and 30 seconds behind
    datetime(2010, 11, 6, tzinfo=UTC),  # St John's: back from 00:01 to 23:01
    datetime(2011, 12, 29, tzinfo=UTC),  # Apia: 30 December is missing
    datetime(2018, 11, 3, tzinfo=UTC),  # Sao Paulo: midnight is missing
    datetime(2026, 4, 4, tzinfo=UTC),  # Lord Howe: back by half an hour; Chatham: by an hour
]
"""An import's conversations and messages keep their own dates."""


def some_time(chance: random.Random, moment: datetime) -> datetime:
    if chance.random() < 0.5:
        return moment - timedelta(minutes=chance.randrange(100))
    return chance.choice(DAYS) + timedelta(seconds=chance.randrange(3 * 86_400))


class History:
    """One conversation's events so far, and the state that folding them gives."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.state: ConversationState | None = None
        self.events: list[tuple[int, datetime, Event]] = []
        self.messages: dict[str, MessageAppended] = {}

    def add(self, events: list[Event], moment: datetime) -> None:
        for event in events:
            version = len(self.events) + 1
            self.events.append((version, moment, event))
            self.state = evolve(self.state, event, version, moment)
            if isinstance(event, MessageAppended):
                self.messages[event.message_id] = event


def message(chance: random.Random, name: str, moment: datetime) -> c.NewMessage:
    role = chance.choice(["user", "assistant", "system"])
    tokens = chance.randrange(1, 50)
    return c.NewMessage(
        name,
        role,
        msgspec.Raw(msgspec.json.encode(chance.choice(TEXTS))),
        0 if role == "assistant" else tokens,
        tokens if role == "assistant" else 0,
        tokens,
        "o200k_base",
        some_time(chance, moment),
        cost_cents=chance.choice([None, Decimal("0.1"), Decimal("0.000000000007"), Decimal(3)]),
        metadata={"k": "v"} if chance.random() < 0.2 else {},
    )


def random_command(chance: random.Random, history: History, moment: datetime) -> c.Command:
    if history.state is None:
        return c.StartConversation(
            chance.choice(["api", "widget", "playground"]),
            CompactionPolicy(),
            some_time(chance, moment),
            assistant_id=chance.choice(ASSISTANTS),
            user_id=chance.choice(USERS),
            metadata={"team": "a"},
        )
    number = len(history.events)
    known = list(history.messages.values())
    pick = chance.random()
    if pick < 0.6 or not known:
        names = [f"m{number}-{index}" for index in range(chance.randrange(1, 4))]
        return c.AppendMessages(tuple(message(chance, name, moment) for name in names))
    chosen = chance.choice(known)
    if pick < 0.7:
        return c.PinMessage(chosen.message_id, chosen.sequence)
    if pick < 0.75:
        return c.UnpinMessage(chosen.message_id, chosen.sequence)
    if pick < 0.8:
        return c.RetractMessage(chosen.message_id, chosen.sequence, chosen.token_count)
    if pick < 0.82:
        return compaction(chance, history)
    if pick < 0.85:
        return c.DeleteConversation()
    if pick < 0.9:
        return c.RestoreConversation()
    if pick < 0.93:
        return c.UpdateConversation(
            assistant_id=chance.choice(ASSISTANTS), user_id=chance.choice(USERS)
        )
    return c.UpdateConversation(
        title=chance.choice([None, "title", "ñ"]),
        archived=chance.random() < 0.5,
        metadata={"team": chance.choice(["a", "b", None])},
    )


def compaction(chance: random.Random, history: History) -> c.CompactConversation:
    """Of some messages that stand, with a summary or without one."""
    state = history.state
    assert state is not None
    upto = state.compacted.upto if state.compacted else 0
    standing = [s for s in range(upto + 1, state.last_sequence + 1) if s not in state.retracted]
    left = standing[: chance.randrange(len(standing) + 1)]
    name = f"sum{len(history.events)}" if chance.random() < 0.7 and left else None
    before = state.compacted.summary_id if state.compacted else None
    event = ConversationCompacted(
        f"cmp{len(history.events)}", "hybrid", 4, None, "manual", state.last_sequence,
        ranges_of(left), state.context_tokens, max(0, state.context_tokens - 1), "o200k_base", "test", name,
        (Piece(left[0], "user", 0, 2, "né", 1.0),) if name else (),
        summarized=len(left), superseded=(before,) if before else (),
        summarizer=Summarizer("extracts", "1") if name else None, told=ranges_of(left),
    )  # fmt: skip
    return c.CompactConversation(event, state.version)


def make_log(seed: int, conversations: int, commands: int) -> tuple[list[History], list[tuple]]:
    """Histories side by side, and the rows of their log: (position, stream, version, topic, state, message id)."""
    chance = random.Random(seed)
    codec = Codec()
    histories = [History(f"w{n % 2}:c{n}") for n in range(conversations)]
    rows: list[tuple] = []
    for step in range(commands):
        history = chance.choice(histories)
        moment = NOON + timedelta(seconds=step)
        try:
            events = decide(history.state, random_command(chance, history, moment))
        except Refusal:
            continue
        before = len(history.events)
        history.add(events, moment)
        for version, at, event in history.events[before:]:
            meta = Meta(f"e{len(rows)}", at, f"c{step}", "key_1")
            topic, state = codec.encode(meta, event)
            name = event.message_id if isinstance(event, MessageAppended) else None
            rows.append((len(rows) + 1, history.stream, version, topic, state, name))
    return histories, rows


def store(dsn: str, rows: list[tuple]) -> None:
    """Put rows into an empty log, as the owner."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        with connection.cursor().copy("COPY events FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        connection.execute("UPDATE head SET position = %s", [rows[-1][0] if rows else 0])
