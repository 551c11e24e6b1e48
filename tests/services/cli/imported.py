"""Lines to import, and what came of them."""

from typing import Any

import msgspec

from tests.services.support import Api


def conversation(name: str, *texts: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "messages": [{"role": "user", "content": text} for text in texts], **more}


def jsonl(*lines: Any) -> bytes:
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def messages_of(api: Api, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": 200}
    while True:
        page = api.get(f"/conversations/{name}/messages", params=params).json()
        found += page["data"]
        if not page["has_more"]:
            return found
        params["cursor"] = page["next_cursor"]


def texts_of(api: Api, name: str) -> list[Any]:
    return [message["content"] for message in messages_of(api, name)]
