"""What a message costs in a context, in tokens.

The rule is OpenAI's published one for chat messages: 3 a message, its role, its content, 1 more with a
name; 3 more for the list as a whole. Tool calls count their name and arguments. What no tokenizer can
count is estimated:

- an image: 85 tokens at low detail; else 85 + 170, one 512-pixel tile at high detail (OpenAI's vision
  guide for GPT-4o; the size that would tell the tiles is not in the message);
- audio: 300, half a minute at OpenAI's 1 token for 100 ms of a user's speech;
- a file: 1,000, our assumption of a page of text.

A part or a call of an unknown kind counts as its JSON.
"""

from collections.abc import Callable
from typing import Any

import msgspec

Count = Callable[[str], int]

LIST_TOKENS = 3
MESSAGE_TOKENS = 3
NAME_TOKENS = 1
IMAGE_TOKENS = 255
LOW_DETAIL_IMAGE_TOKENS = 85
AUDIO_TOKENS = 300
FILE_TOKENS = 1_000
MISSING_RESULT = "[no result recorded]"
"""Stands in a context for the answer to a tool call that has none: models refuse a call without one."""
MISSING_RESULT_TOKENS = 9
"""What that message costs, the same with both tokenizers (a test holds it)."""


def message_tokens(
    count: Count, *, role: str, content: Any, tool_calls: Any = None, name: str | None = None
) -> int:
    """What the message adds to a context, with the list's own LIST_TOKENS left out.

    `content` and `tool_calls` as decoded from JSON: a string, an array of parts, or None; an array
    of calls, or None. `count` gives the tokens of a text.
    """
    total = MESSAGE_TOKENS + count(role)
    if isinstance(content, str):
        total += count(content)
    elif content:
        total += sum(_part_tokens(count, part) for part in content)
    if tool_calls:
        total += sum(_call_tokens(count, call) for call in tool_calls)
    if name is not None:
        total += NAME_TOKENS + count(name)
    return total


def _part_tokens(count: Count, part: Any) -> int:
    match part:
        case {"type": "text", "text": str(text)} | {"type": "refusal", "refusal": str(text)}:
            return count(text)
        case {"type": "image_url", "image_url": {"detail": "low"}}:
            return LOW_DETAIL_IMAGE_TOKENS
        case {"type": "image_url"}:
            return IMAGE_TOKENS
        case {"type": "input_audio"}:
            return AUDIO_TOKENS
        case {"type": "file"}:
            return FILE_TOKENS
        case _:
            return count(msgspec.json.encode(part).decode())


def _call_tokens(count: Count, call: Any) -> int:
    match call:
        case {"function": {"name": str(name), "arguments": str(arguments)}}:
            return count(name) + count(arguments)
        case {"custom": {"name": str(name), "input": str(text)}}:
            return count(name) + count(text)
        case _:
            return count(msgspec.json.encode(call).decode())
