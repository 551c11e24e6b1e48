"""What a rendered context costs, counted on what is really sent.

OpenAI's shape by OpenAI's published rule. For Anthropic's the same rule is an estimate: their tokenizer is not
public.
"""

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from domain.tokens import IMAGE_TOKENS, LIST_TOKENS, MESSAGE_TOKENS, Count, message_tokens


def openai_tokens(count: Count, messages: Sequence[dict[str, Any]]) -> int:
    """Of messages as decoded from JSON; an empty list costs nothing."""
    total = sum(
        message_tokens(
            count,
            role=message["role"],
            content=message.get("content"),
            tool_calls=message.get("tool_calls"),
            name=message.get("name"),
        )
        for message in messages
    )
    return total + LIST_TOKENS if messages else 0


def anthropic_tokens(
    count: Count, system: Sequence[dict[str, Any]], messages: Sequence[dict[str, Any]]
) -> int:
    total = sum(
        MESSAGE_TOKENS + count(message["role"]) + _blocks(count, message["content"])
        for message in messages
    )
    if system:
        total += MESSAGE_TOKENS + 1 + _blocks(count, system)
    return total + LIST_TOKENS if total else 0


def _blocks(count: Count, blocks: Sequence[dict[str, Any]]) -> int:
    return sum(_block(count, block) for block in blocks)


def _block(count: Count, block: dict[str, Any]) -> int:
    match block:
        case {"type": "text", "text": str(text)}:
            return count(text)
        case {"type": "tool_use", "name": str(name), "input": given}:
            return count(name) + count(msgspec.json.encode(given).decode())
        case {"type": "tool_result"}:
            return _blocks(count, cast("list[dict[str, Any]]", block["content"]))
        case _:
            return IMAGE_TOKENS
