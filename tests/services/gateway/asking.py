"""How the tests ask for chat completions, whole and streamed, and what they find stored."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from openai import OpenAI

from tests.services.gateway.model_server import chunk
from tests.services.support import Api

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1.10}'}}
HELLO = (chunk({"role": "assistant", "content": ""}), chunk("Hel"), chunk("lo"), chunk({}, "stop"))
USED = {"prompt_tokens": 50, "completion_tokens": 5, "total_tokens": 55}


def ask(api: Api, model: str, *messages: dict[str, Any] | str, **more: Any) -> httpx.Response:
    sent = [{"role": "user", "content": m} if isinstance(m, str) else m for m in messages]
    return api.post("/chat/completions", {"model": model, "messages": sent, **more})


def asked(api: Api, model: str, *messages: dict[str, Any] | str, **more: Any) -> httpx.Response:
    answer = ask(api, model, *messages, **more)
    assert answer.status_code == 200, answer.text
    return answer


def stored(api: Api, conversation: str) -> list[dict[str, Any]]:
    return api.get(f"/conversations/{conversation}/messages?limit=200").json()["data"]


def told(api: Api, conversation: str) -> list[tuple[str, Any]]:
    return [(m["role"], m["content"]) for m in stored(api, conversation)]


def client_of(api: Api, **more: Any) -> OpenAI:
    return OpenAI(base_url=f"{api.address}/v1", api_key=api.key, **more)


@contextmanager
def streaming(api: Api, model: str, conversation: str, **more: Any) -> Iterator[httpx.Response]:
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "hi"}],
        "conversation_id": conversation,
        "stream": True,
        **more,
    }
    with api.client.stream("POST", "/chat/completions", json=body) as answer:
        yield answer


def streamed(api: Api, model: str, conversation: str) -> list[dict[str, Any] | str]:
    """The data of all events."""
    with streaming(api, model, conversation) as answer:
        assert answer.status_code == 200, answer.read()
        events = answer.read().decode().split("\n\n")
    found = [event.removeprefix("data: ") for event in events if event.startswith("data: ")]
    return [data if data == "[DONE]" else json.loads(data) for data in found]


def answer_of(api: Api, conversation: str) -> dict[str, Any]:
    return stored(api, conversation)[-1]
