"""Conversations that people and agents really had: each is accepted and comes back as it was."""

import json

from domain.codec import Codec
from domain.decide import decide
from domain.events import MessageAppended
from domain.state import evolve
from tests.domain.builders import append, at, message, raw, start
from tests.domain.frozen_events import BARE


def histories(folder):
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)["messages"]


def as_command(number: int, sent: dict):
    fields = {"content": raw(sent.get("content")), "name": sent.get("name")}
    if sent.get("tool_calls"):
        fields["tool_calls"] = raw(sent["tool_calls"])
    return message(f"m{number}", sent["role"], tool_call_id=sent.get("tool_call_id"), **fields)


def test_they_are_accepted_one_by_one_and_read_back(shared_data):
    codec = Codec()
    conversations = messages = 0
    for history in histories(shared_data):
        state = evolve(None, decide(None, start())[0], 1, at(1))
        for number, sent in enumerate(history, 1):
            [event] = decide(state, append(as_command(number, sent)))
            _, back = codec.decode(*codec.encode(BARE, event))
            assert isinstance(back, MessageAppended)
            assert json.loads(bytes(back.content)) == sent.get("content")
            assert json.loads(bytes(back.tool_calls)) == (sent.get("tool_calls") or None)
            state = evolve(state, back, number + 1, at(number))
        assert state.message_count == len(history)
        conversations, messages = conversations + 1, messages + len(history)
    assert conversations >= 124
    assert messages > 3_636


def test_they_are_accepted_whole(shared_data):
    for history in histories(shared_data):
        batch = [as_command(number, sent) for number, sent in enumerate(history, 1)]
        assert len(decide(None, start(*batch))) == len(history) + 1
