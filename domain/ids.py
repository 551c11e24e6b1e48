"""Names of streams, conversations, messages: their shapes and how they are made."""

import re

WORKSPACE = re.compile(r"[a-z0-9-]{1,32}")
IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""A conversation's or a message's id, minted or the caller's own."""


def stream_id(workspace: str, conversation: str) -> str:
    """One conversation of one workspace. A workspace holds no colon, so the split is exact."""
    return f"{workspace}:{conversation}"


def split_stream(stream: str) -> tuple[str, str]:
    workspace, _, conversation = stream.partition(":")
    return workspace, conversation


def uuid7_hex(unix_ms: int, entropy: bytes) -> str:
    """32 hex digits that sort by time: RFC 9562 version 7 of a time in ms and 10 random bytes."""
    random = int.from_bytes(entropy, "big")
    high = (random >> 66) & 0xFFF
    low = random & ((1 << 62) - 1)
    return f"{(unix_ms << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low:032x}"


def conversation_id(hex_digits: str) -> str:
    return f"conv_{hex_digits}"


def message_id(hex_digits: str) -> str:
    return f"msg_{hex_digits}"
