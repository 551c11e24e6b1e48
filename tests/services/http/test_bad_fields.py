"""Nasty values in every field of a message and a conversation: refused where they are wrong, exact where they are text."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from tests.services.support import Api, refused

TYPE = {"Content-Type": "application/json"}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        yield path, value
    for key, inner in items:
        yield from leaves(inner, (*path, key))


def replaced(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    made = copy.deepcopy(body)
    within = made
    for step in path[:-1]:
        within = within[step]
    within[path[-1]] = value
    return made


CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
FULL_MESSAGE = {
    "id": "full-1",
    "role": "assistant",
    "content": "text",
    "name": "ann",
    "model": "m",
    "finish_reason": "stop",
    "tool_calls": [CALL],
    "extra": {"reasoning": "text"},
    "input_tokens": 1,
    "output_tokens": 2,
    "cost_cents": 0.5,
    "metadata": {"k": "v"},
    "created_at": "2026-01-01T00:00:00Z",
}
FULL = {
    "id": "full",
    "title": "t",
    "user_id": "u",
    "assistant_id": "a",
    "source": "api",
    "metadata": {"k": "v"},
    "compaction": {
        "strategy": "hybrid",
        "trigger_tokens": 100,
        "keep_recent": 1,
        "target_tokens": 50,
    },
    "created_at": "2026-01-01T00:00:00Z",
    "messages": [
        FULL_MESSAGE,
        {"role": "tool", "content": "4", "tool_call_id": "call_1", "id": "full-2"},
        {"role": "user", "content": [{"type": "text", "text": "part"}], "id": "full-3"},
    ],
}
EXACT = {
    ("messages", 0, "content"),
    ("messages", 1, "content"),
    ("messages", 2, "content", 0, "text"),
}
"""Where U+0000 is text like any other."""
OPAQUE = {
    ("messages", 0, "extra", "reasoning"),
    ("messages", 0, "tool_calls", 0, "type"),
    ("messages", 0, "tool_calls", 0, "function", "name"),
    ("messages", 0, "tool_calls", 0, "function", "arguments"),
    ("messages", 2, "content", 0, "type"),
}
"""What a model made, and parts of kinds that are not known: given back untouched, whatever it is."""


def test_nul_in_every_field(api: Api) -> None:
    """It is content in a message's content, and refused everywhere else that is text of ours."""
    text = [path for path, value in leaves(FULL) if isinstance(value, str)]
    assert len(text) > 20
    for number, path in enumerate(text):
        body = replaced(FULL, path, "a\0b")
        if path != ("id",):
            body["id"] = f"nul-{number}"
        head = api.head()
        answer = api.post("/conversations", body)
        if path in EXACT | OPAQUE:
            assert answer.status_code == 201, (path, answer.text)
            stored = api.get(f"/conversations/nul-{number}/messages").json()["data"]
            found: Any = {"messages": stored}
            for step in path:
                found = found[step]
            assert found == "a\0b"
        else:
            assert answer.status_code == 400, (path, answer.text)
            assert api.head() == head, path
            assert api.get(f"/conversations/nul-{number}").status_code == 404
    for path in ("messages", 0, "metadata"), ("metadata",):
        refused(api.post("/conversations", replaced(FULL, path, {"a\0": "b"})), 400)


WRONG = [None, True, 1, -1, 1.5, 2**63, 2**200, "", "x", [], {}, [[]], {"a": {}}]
RAW = ["NaN", "Infinity", "1e999", "-1e999", "1" * 5_000]


def test_a_wrong_value_in_every_field(api: Api) -> None:
    """Refused, or taken for what it is; never an error of ours, and a refusal writes nothing."""
    api.post("/conversations", {"id": "full"})
    codes: set[int] = set()
    fields = [path for path, _ in leaves(FULL)] + [("messages",), ("compaction",), ("metadata",)]
    refusals = 0
    for path in fields:
        marked = json.dumps(replaced(FULL, path, "@@@"))
        for wrong in [json.dumps(value) for value in WRONG] + RAW:
            body = marked.replace('"@@@"', wrong)
            answer = api("POST", "/conversations/none/messages/batch", content=body, headers=TYPE)
            assert answer.status_code == 400  # of another shape altogether
            answer = api("POST", "/conversations", content=body, headers=TYPE)  # its id is taken
            codes.add(answer.status_code)
            refusals += answer.status_code == 400
    assert codes == {201, 400, 409}, codes  # 201 where the wrong id is a right one
    assert refusals > 300
