"""What a message costs: with a tokenizer whose tokens are words."""

import pytest

from domain import tokens
from services.http.tokenizer import Tokenizer

BASE = tokens.MESSAGE_TOKENS + 1
"""A message with nothing in it: its own three and its role."""


def words(text: str) -> int:
    return len(text.split())


def cost(content, **fields) -> int:
    return tokens.message_tokens(words, role="user", content=content, **fields)


@pytest.mark.parametrize(
    ("content", "fields", "more"),
    [
        (None, {}, 0),
        ("", {}, 0),
        ("one two three", {}, 3),
        ("one", {"name": "Ada Lovelace"}, 1 + 1 + 2),
        ([], {}, 0),
        ([{"type": "text", "text": "one two"}, {"type": "text", "text": "three"}], {}, 3),
        ([{"type": "refusal", "refusal": "I can not"}], {}, 3),
        ([{"type": "text", "text": "one", "cache_control": {"type": "x y z"}}], {}, 1),
        ([{"type": "image_url", "image_url": {"url": "data:…"}}], {}, 85 + 170),
        ([{"type": "image_url", "image_url": {"url": "u", "detail": "high"}}], {}, 85 + 170),
        ([{"type": "image_url", "image_url": {"url": "u", "detail": "low"}}], {}, 85),
        ([{"type": "image_url", "image_url": "not an object"}], {}, 85 + 170),
        ([{"type": "input_audio", "input_audio": {"data": "AAAA"}}], {}, 300),
        ([{"type": "file", "file": {"file_id": "f"}}], {}, 1_000),
        ([{"type": "hologram", "a b": "c d"}], {}, 3),
        ([{"type": "text"}], {}, 1),
        (["a b", 5, None], {}, 2 + 1 + 1),
        (None, {"tool_calls": []}, 0),
        (None, {"tool_calls": [{"function": {"name": "find", "arguments": '{"q": "a b"}'}}]}, 4),
        (None, {"tool_calls": [{"custom": {"name": "run", "input": "a b c"}}]}, 4),
        (None, {"tool_calls": [{"type": "new kind"}]}, 2),
        ("one", {"tool_calls": [{"function": {"name": "f", "arguments": "a"}}] * 2}, 1 + 4),
    ],
)
def test_a_message_costs_its_parts(content, fields, more):
    assert cost(content, **fields) == BASE + more


def test_the_role_is_counted():
    def letters(text: str) -> int:
        return len(text)

    for role in ("user", "assistant", "tool"):
        assert tokens.message_tokens(letters, role=role, content="ab") == 3 + len(role) + 2


def test_an_unknown_part_counts_as_its_json():
    seen: list[str] = []

    def noting(text: str) -> int:
        seen.append(text)
        return 0

    tokens.message_tokens(noting, role="user", content=[{"type": "x", "text": "ü\0"}])
    assert seen == ["user", '{"type":"x","text":"ü\\u0000"}']


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
def test_a_missing_answer_costs_the_same_with_every_tokenizer(name):
    count = Tokenizer(name).count
    told = tokens.message_tokens(count, role="tool", content=tokens.MISSING_RESULT)
    assert told == tokens.MISSING_RESULT_TOKENS
