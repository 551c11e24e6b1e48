"""Real conversations, compacted: budgets, validity, and ten compactions against one."""

import json
from itertools import islice

import msgspec
import pytest

from domain.compaction.anthropic_shape import anthropic_context
from domain.compaction.counting import openai_tokens
from domain.compaction.engine import Live, Told, think, tokens_of
from domain.compaction.entries import Entry, groups_of
from domain.compaction.openai_shape import openai_messages
from domain.compaction.strategies import Wanted, least_tokens
from domain.compaction.tools import Tools
from domain.compaction.weights import Weights
from domain.events import NULL
from domain.tokens import message_tokens
from services.http.tokenizers import Tokenizers
from tests.domain.compaction.showing import check_anthropic, check_openai


@pytest.fixture(scope="module")
def tools() -> Tools:
    return Tokenizers("o200k_base").tools()


@pytest.fixture(scope="module")
def conversations(shared_data, tools) -> list[list[Entry]]:
    lines = [
        line
        for path in sorted(shared_data.glob("*.jsonl"))
        for line in islice(path.read_text("utf-8").splitlines(), 0, None, 6)
    ]
    return [
        [entry(n, m, tools) for n, m in enumerate(json.loads(line)["messages"], 1)]
        for line in lines
    ]


def entry(number: int, message: dict, tools: Tools) -> Entry:
    calls = message.get("tool_calls") or None
    tokens = message_tokens(
        tools.count,
        role=message["role"],
        content=message.get("content"),
        tool_calls=calls,
        name=message.get("name"),
    )
    content = msgspec.Raw(json.dumps(message.get("content")).encode())
    raw = msgspec.Raw(json.dumps(calls).encode()) if calls else NULL
    return Entry(
        number,
        f"m{number}",
        message["role"],
        content,
        tokens,
        raw,
        message.get("tool_call_id"),
        message.get("name"),
    )


@pytest.mark.parametrize("strategy", ["hybrid", "summarization", "sliding_window"])
def test_they_fit_and_stay_valid(conversations, tools, strategy) -> None:
    compacted = 0
    for entries in conversations:
        least = least_tokens(groups_of(entries))
        for more in (30, 300, 1_500):
            thought = think(
                Live(entries), Wanted(strategy, 6, least + more, 16_000), tools, Weights()
            )
            if thought is None:
                continue
            compacted += 1
            turns = thought.turns(tools)
            messages = json.loads(msgspec.json.encode(openai_messages(turns)))
            assert (
                openai_tokens(tools.count, messages)
                == thought.tokens_after
                == tokens_of(turns)
                <= least + more
            )
            check_openai(messages)
            check_anthropic(json.loads(msgspec.json.encode(anthropic_context(turns))))
    assert compacted > len(conversations)


def test_ten_compactions_end_about_where_one_would(conversations, tools) -> None:
    """The next summary picks among the pieces of the one before, so little is lost on the way."""
    same = whole = 0
    longest = sorted(conversations, key=lambda entries: -sum(e.tokens for e in entries))[:6]
    for entries in longest:
        target = sum(e.tokens for e in entries) // 2
        target = max(target, least_tokens(groups_of(entries)) + 400)
        wanted = Wanted("summarization", 0, target, 16_000)
        once = think(Live(entries), wanted, tools, Weights())
        told, place, live = None, 0, []
        parts = [
            entries[k::1][: len(entries) // 10 + 1]
            for k in range(0, len(entries), len(entries) // 10 + 1)
        ]
        for part in parts:
            live = [*live, *part]
            thought = think(Live(live, told, place), wanted, tools, Weights())
            if thought is not None:
                told = Told("s", thought.told.pieces, (), thought.summarized)
                place = thought.place
                live = sorted(
                    (e for g in thought.stay for e in g.entries), key=lambda e: e.sequence
                )
        if once is None or told is None:
            continue
        one = {(p.sequence, p.start) for p in once.told.pieces}
        ten = {(p.sequence, p.start) for p in told.pieces}
        same += len(one & ten)
        whole += len(one)
    assert whole > 100
    assert same / whole > 0.75
