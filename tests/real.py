"""Real conversations, sent by an import: do they come back byte for byte?"""

import json
from pathlib import Path

import httpx

from services.cli.lines import parse


def check_that_all_came_back(http: httpx.Client, file: Path) -> tuple[int, int]:
    """Of each line all messages, texts and tool calls untouched, and the counts; how many of both there are."""
    conversations = messages = calls = 0
    for line in file.read_bytes().splitlines():
        expected, parsed = json.loads(line)["messages"], parse(line)
        answer = http.get(f"conversations/{parsed.conversation_id}/messages?limit=200")
        stored = answer.json()["data"]
        assert len(stored) == len(expected) == len(parsed.messages)
        for sent, raw, got in zip(expected, parsed.messages, stored, strict=True):
            assert got["content"] == sent["content"]
            for field in ("role", "tool_calls", "tool_call_id", "name"):
                assert got[field] == sent.get(field)
            if got["tool_calls"]:
                assert bytes(raw["tool_calls"]) in answer.content
                calls += 1
        whole = http.get(f"conversations/{parsed.conversation_id}?message_limit=200").json()["data"]
        assert whole["messages"] == stored
        assert whole["message_count"] == len(expected)
        conversations += 1
        messages += len(expected)
    assert calls > 0
    return conversations, messages
