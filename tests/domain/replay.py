"""Folds a frozen log: what became of each conversation, as plain JSON values."""

import json
from pathlib import Path
from typing import Any

import msgspec

from domain import resources
from domain.codec import Codec
from domain.events import MessageAppended
from domain.ids import split_stream
from domain.state import ConversationState, evolve


def lines_of(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def replay(log: Path) -> dict[str, Any]:
    codec = Codec()
    states: dict[str, ConversationState] = {}
    messages: dict[str, list[Any]] = {}
    for line in lines_of(log):
        stream = line["stream"]
        meta, event = codec.decode(line["topic"], line["state"].encode())
        state = evolve(states.get(stream), event, line["version"], meta.occurred_at)
        states[stream] = state
        if isinstance(event, MessageAppended):
            shown = resources.message_json(split_stream(stream)[1], event)
            messages.setdefault(stream, []).append(json.loads(shown))
    return {
        stream: {
            "conversation": json.loads(
                resources.encode(resources.conversation(split_stream(stream)[1], state))
            ),
            "last_sequence": state.last_sequence,
            "pinned": sorted(state.pinned),
            "retracted": sorted(state.retracted),
            "compacted": json.loads(msgspec.json.encode(state.compacted)),
            "open_calls": {call: list(seqs) for call, seqs in state.open_calls.items()},
            "messages": messages.get(stream, []),
        }
        for stream, state in states.items()
    }
