"""The OpenAPI document knows both shapes of a chat completion's answer."""

from typing import Any

import pytest

from tests.services.gateway.asking import HELLO
from tests.services.gateway.model_server import DONE, ModelServer, streams
from tests.services.support import Api

PATH = "/v1/chat/completions"


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_of_a_kind_that_the_document_names(
    api: Api, models: ModelServer, stream: bool
) -> None:
    if stream:
        models.behave("document-stream", streams(*HELLO, DONE))
    document = api.client.get(f"{api.address}/schema/openapi.json").json()
    told = document["paths"][PATH]["post"]["responses"]["200"]["content"]
    assert set(told) == {"application/json", "text/event-stream"}
    model = "document-stream" if stream else "document-whole"
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    answer = api.post("/chat/completions", {**body, "stream": stream})
    kind = answer.headers["content-type"].partition(";")[0]
    assert kind == ("text/event-stream" if stream else "application/json")
    assert kind in told


def test_no_other_answer_is_a_stream_of_events(api: Api) -> None:
    document = api.client.get(f"{api.address}/schema/openapi.json").json()
    streamed = {
        path
        for path, operations in document["paths"].items()
        for operation in operations.values()
        if isinstance(operation, dict)
        for answer in operation.get("responses", {}).values()
        if "text/event-stream" in answer.get("content", {})
    }
    assert streamed == {PATH}
