"""What the tests export, and how they ask for it."""

from typing import Any

import httpx

from tests.services.support import Api

NASTY = "\0 ```fence``` <b>&amp;</b> \U0001f600 \u202e \r\n\ttab \\ \" '"
PARTS = [
    {"type": "text", "text": "look"},
    {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
    {"type": "unheard_of", "n": 1.50},
]
CALLS = [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1.0}'}}]


def rich(api: Api, name: str, **more: Any) -> None:
    """A conversation with all there can be in one."""
    messages = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": NASTY, "metadata": {"k": "v"}, "created_at": "2024-01-15T10:30:00.123456Z"},
        {"role": "user", "content": PARTS, "name": "ann"},
        {"role": "assistant", "content": None, "tool_calls": CALLS, "model": "m", "cost_cents": 0.25, "output_tokens": 3},
        {"role": "tool", "tool_call_id": "call_1", "content": "42"},
        {"role": "assistant", "content": "```py\nx\n````", "extra": {"reasoning": {"a": 1.50}}, "finish_reason": "stop"},
    ]  # fmt: skip
    api.start(name)
    body = {"title": f"About {name}", "metadata": {"team": "a"}, **more}
    assert api.patch(f"/conversations/{name}", body).status_code == 200
    sent = api.post(f"/conversations/{name}/messages/batch", {"messages": messages})
    assert sent.status_code == 201, sent.text
    pinned = sent.json()["data"][1]["id"]
    api.patch(f"/conversations/{name}/messages/{pinned}", {"is_pinned": True})


def export(api: Api, path: str, **asked: str) -> httpx.Response:
    answer = api.get(f"/conversations/{path}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer
