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


ENTROPY = 10
"""Random bytes that an id takes."""
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def uuid7_hex(unix_ms: int, entropy: bytes) -> str:
    """32 hex digits that sort by time: RFC 9562 version 7 of a time in ms and 10 random bytes."""
    random = entropy.hex()
    return f"{unix_ms:012x}7{random[:3]}{_VARIANT[random[4]]}{random[5:]}"


def conversation_id(hex_digits: str) -> str:
    return f"conv_{hex_digits}"


def message_id(hex_digits: str) -> str:
    return f"msg_{hex_digits}"
