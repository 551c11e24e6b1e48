"""Items of every kind that the tests write, OpenAI's client that judges the answers, and the wire itself."""

from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI

from tests.services.support import Api

USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
SAID = {
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "hello", "annotations": [], "logprobs": []}],
}
CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"a": 1.10}', "status": "completed"}  # fmt: skip
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "42", "status": "completed"}  # fmt: skip
THOUGHT = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "zz"}  # fmt: skip


@pytest.fixture(scope="module")
def client(api: Api) -> Iterator[OpenAI]:
    base_url = f"{api.address}/openai/v1"
    with OpenAI(base_url=base_url, api_key=api.key, _strict_response_validation=True) as made:
        yield made


def at(api: Api, method: str, path: str, **more: Any) -> Any:
    """The wire itself."""
    headers = {"Authorization": f"Bearer {api.key}"} | more.pop("headers", {})
    return api.client.request(method, f"{api.address}/openai/v1{path}", headers=headers, **more)


def plain(items: Any) -> list[dict[str, Any]]:
    """As the client shows them, without their ids."""
    return [
        {k: v for k, v in item.model_dump(exclude_unset=True).items() if k != "id"}
        for item in items
    ]
