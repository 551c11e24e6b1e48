"""A conversation's policy, changed while nobody writes; what it costs."""

from typing import Any

from tests.services.support import Api

FAR = 50_000
LONG_TAIL = {"strategy": "summarization", "keep_recent": 50, "trigger_tokens": 1_200}
"""Compacted by it, a conversation still holds some four hundred tokens of its newest messages."""


def changed(api: Api, name: str, **policy: Any) -> None:
    assert api.patch(f"/conversations/{name}", {"compaction": policy}).status_code == 200


def pinned(api: Api, name: str, *, is_pinned: bool) -> None:
    """The first ten messages."""
    for message in api.get(f"/conversations/{name}/messages").json()["data"][:10]:
        path = f"/conversations/{name}/messages/{message['id']}"
        assert api.patch(path, {"is_pinned": is_pinned}).status_code == 200


def tokens(api: Api, name: str) -> int:
    return api.get(f"/conversations/{name}").json()["data"]["context_tokens"]
