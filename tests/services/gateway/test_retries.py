"""Client retries: no message twice, and the first answer again."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from eventstore.connect import connect
from tests.running import wait_until
from tests.services.gateway.asking import CALL, HELLO, USED, client_of, streaming, told
from tests.services.gateway.model_server import (
    DONE,
    Asked,
    ModelServer,
    Reply,
    answers,
    chunk,
    completion,
    says,
    streams,
)
from tests.services.support import Api, refused, serving

RETRY = {"x-stainless-retry-count": "1"}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


def keyed(name: str) -> dict[str, str]:
    return {"Idempotency-Key": name}


def retried(api: Api, model: str, headers: dict[str, str], **more: Any) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}
    return api.post("/chat/completions", body, headers=headers)


def sent(api: Api, model: str, *messages: dict[str, Any]) -> httpx.Response:
    """To the conversation of the model's name."""
    body = {"model": model, "messages": messages, "conversation_id": model}
    return api.post("/chat/completions", body)


def leases(api: Api) -> int:
    with connect(api.database.service, name="test") as connection:
        row = connection.execute("SELECT count(*) FROM key_leases").fetchone()
    return row[0] if row else 0


def test_the_first_answer_again(api: Api, models: ModelServer) -> None:
    message = {"role": "assistant", "content": None, "refusal": None, "tool_calls": [CALL], "reasoning_content": "hm"}  # fmt: skip
    models.behave("once", says(message))
    first = retried(api, "once", keyed("once"))
    models.behave("once", says("something else"))
    head = api.head()
    again = retried(api, "once", keyed("once"))
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    for name in ("x-conversation-id", "x-event-position"):
        assert again.headers[name] == first.headers[name]
    told_first, told_again = first.json(), again.json()
    assert told_again["choices"][0]["message"] == message
    for name in ("id", "conversation_id", "model", "usage", "object"):
        assert told_again[name] == told_first[name], name
    # A process that knows nothing of it.
    settings = {"upstream_base_url": models.base_url}
    with serving(api.database.service, ("gateway",), **settings) as address, api.at(address) as at:
        assert retried(at, "once", keyed("once")).json() == told_again
    refused(retried(api, "once", keyed("once"), user="another"), 422, "idempotency_key_reused")
    assert api.head() == head
    assert len(models.asked["once"]) == 1


def test_the_first_stream_again(api: Api, models: ModelServer) -> None:
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    usage = chunk("", choices=[], usage=USED)
    parts = (*HELLO[:3], chunk({"tool_calls": [call]}), chunk({}, "tool_calls"), usage)
    models.behave("stream-once", streams(*parts, DONE))
    options = {"stream_options": {"include_usage": True}, "headers": keyed("stream-once")}

    def heard() -> tuple[str, Any, Any, Any]:
        more = {k: v for k, v in options.items() if k != "headers"}
        text, calls, reason, used = "", None, None, None
        body = {"model": "stream-once", "messages": [{"role": "user", "content": "hi"}], "stream": True, **more}  # fmt: skip
        answer = api.post("/chat/completions", body, headers=keyed("stream-once"))
        events = [e.removeprefix("data: ") for e in answer.text.split("\n\n") if e]
        assert events[-1] == "[DONE]"
        for event in map(json.loads, events[:-1]):
            used = event.get("usage") or used
            for choice in event["choices"]:
                text += choice["delta"].get("content") or ""
                calls = choice["delta"].get("tool_calls") or calls
                reason = choice["finish_reason"] or reason
        return text, calls, reason, used

    first = heard()
    assert first == ("Hello", [call], "tool_calls", USED)
    assert heard() == first
    assert len(models.asked["stream-once"]) == 1


def test_a_stream_that_was_cut_off_says_so_again(api: Api, models: ModelServer) -> None:
    models.behave("cut-once", streams(*HELLO[:2], ends=False))
    with streaming(api, "cut-once", "cut-once") as answer:
        answer.read()
    models.behave("cut-key", streams(*HELLO[:2], ends=False))
    more = {"stream": True, "conversation_id": "cut-key"}
    retried(api, "cut-key", keyed("cut-key"), **more)
    again = retried(api, "cut-key", keyed("cut-key"), **more)
    events = [json.loads(e.removeprefix("data: ")) for e in again.text.split("\n\n") if e]
    assert events[0]["choices"][0]["delta"]["content"] == "Hel"
    assert events[-1]["error"]["code"] == "answer_incomplete"


@pytest.mark.parametrize("headers", [keyed("failed-once"), RETRY], ids=["key", "count"])
def test_a_failed_request_goes_on_where_it_stopped(
    api: Api, models: ModelServer, headers: dict[str, str]
) -> None:
    model = f"failing-{len(headers)}-{next(iter(headers))}".lower()
    models.behave(model, answers(b"", 500))
    first = headers if "Idempotency-Key" in headers else {}
    failed = retried(api, model, first)
    refused(failed, 502)
    name = failed.headers["x-conversation-id"]
    models.behave(model, says("at last"))
    again = retried(api, model, headers)
    assert again.json()["conversation_id"] == name
    assert told(api, name) == [("user", "hi"), ("assistant", "at last")]
    assert models.asked[model][1].texts == [("user", "hi")]


def test_a_later_turn_that_failed_is_sent_again(api: Api, models: ModelServer) -> None:
    """By an application, without a key and without what marks a retry: the question waits for its answer still."""
    model = "later"
    for text, answer in (("0", says("first")), ("2", answers(b"", 500))):
        models.behave(model, answer)
        got = sent(api, model, {"role": "user", "content": text})
    refused(got, 502)
    models.behave(model, says(CALLING))
    got = sent(api, model, {"role": "user", "content": "2"})
    assert got.status_code == 200
    assert "idempotent-replayed" not in got.headers
    said = [("user", "0"), ("assistant", "first"), ("user", "2")]
    assert told(api, model) == [*said, ("assistant", None)]
    assert models.asked[model][-1].texts == said
    models.behave(model, answers(b"", 500))
    result = {"role": "tool", "tool_call_id": CALL["id"], "content": "42"}
    refused(sent(api, model, result), 502)
    models.behave(model, says("done"))
    assert sent(api, model, result).status_code == 200
    assert told(api, model) == [*said, ("assistant", None), ("tool", "42"), ("assistant", "done")]
    # Answered, it is said anew.
    assert sent(api, model, {"role": "user", "content": "2"}).status_code == 200
    assert told(api, model)[-2:] == [("user", "2"), ("assistant", "done")]


def test_the_official_client_s_own_retries(api: Api, models: ModelServer) -> None:
    """It tries again by itself after a 502 and a 429: one question, one answer."""
    tries = iter([answers(b"", 500), answers(b"{}", 429, "Retry-After: 1"), says("third")])

    async def moody(asked: Asked, reply: Reply) -> None:
        await next(tries)(asked, reply)

    models.behave("moody-client", moody)
    with client_of(api, max_retries=2) as client:
        answer = client.chat.completions.create(
            model="moody-client", messages=[{"role": "user", "content": "hi"}]
        )
    assert told(api, answer.conversation_id) == [("user", "hi"), ("assistant", "third")]


def test_a_retry_after_a_lost_answer(api: Api, models: ModelServer) -> None:
    models.behave("lost", says("only once"))
    first = retried(api, "lost", {})
    again = retried(api, "lost", RETRY)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["conversation_id"] == first.json()["conversation_id"]
    assert again.json()["usage"] == USAGE
    assert len(models.asked["lost"]) == 1


def test_the_same_question_asked_again_is_no_retry(api: Api, models: ModelServer) -> None:
    models.behave("twice", says("yes"))
    first, second = retried(api, "twice", {}), retried(api, "twice", {})
    assert first.json()["conversation_id"] != second.json()["conversation_id"]
    # The retry is one of the second.
    third = retried(api, "twice", RETRY)
    assert third.json()["conversation_id"] == second.json()["conversation_id"]
    other = retried(api, "twice", RETRY, user="another body")
    assert "idempotent-replayed" not in other.headers


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("headers", [keyed("busy"), RETRY], ids=["key", "count"])
def test_a_second_one_in_flight_is_told_to_wait(
    api: Api, models: ModelServer, stream: bool, headers: dict[str, str]
) -> None:
    model = f"busy-{stream}-{len(headers)}-{next(iter(headers))}".lower()
    headers = {k: f"{v}-{stream}" if k == "Idempotency-Key" else v for k, v in headers.items()}
    began, go = threading.Event(), threading.Event()

    async def slow(asked: Asked, reply: Reply) -> None:
        if stream:
            await reply.start()
            await reply.piece(HELLO[1])
        began.set()
        await asyncio.to_thread(go.wait, 20)
        if stream:
            for piece in (HELLO[3], DONE):
                await reply.piece(piece)
            await reply.end()
        else:
            await reply.whole(completion("Hel"))

    models.behave(model, slow)
    first_headers = headers if "Idempotency-Key" in headers else {}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(retried, api, model, first_headers, stream=stream)
        assert began.wait(20)
        try:
            refusal = retried(api, model, headers, stream=stream)
            refused(refusal, 409, "idempotency_key_in_use")
            assert "x-should-retry" not in refusal.headers
            assert int(refusal.headers["retry-after"]) > 0
        finally:
            go.set()
        assert first.result().status_code == 200
    again = retried(api, model, headers, stream=stream)
    assert again.headers["idempotent-replayed"] == "true"
    assert len(models.asked[model]) == 1
    wait_until(lambda: leases(api) == 0)
