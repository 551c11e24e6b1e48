"""Services of models that fail, dawdle and babble: an error in this API's words, and nothing lost."""

import asyncio
from typing import Any

import pytest
from openai import RateLimitError

from tests.services.gateway.asking import ask, asked, client_of, told
from tests.services.gateway.model_server import (
    Asked,
    ModelServer,
    Reply,
    answers,
    completion,
)
from tests.services.support import Api, refused, serving

UNAUTHORIZED = (
    b'{"error":{"message":"Incorrect API key provided: sk-secret","code":"invalid_api_key"}}'
)
WRONG = b'{"error":{"message":"temperature is\\ntoo high","type":"x","param":"temperature","code":"out_of_range"}}'
HTML = b"<!doctype html><h1>Bad gateway</h1>"
BUSY = b'{"error":{"message":"slow down"}}'
REFUSALS: dict[str, tuple[Any, int, str]] = {
    "unauthorized": (answers(UNAUTHORIZED, 401), 502, "upstream_unauthorized"),
    "busy": (answers(BUSY, 429, "Retry-After: 7"), 429, "upstream_rate_limited"),
    "failing": (answers(b"oops", 500), 502, "upstream_failed"),
    "away": (answers(b"", 503, "Retry-After: 30"), 502, "upstream_failed"),
    "moved": (answers(b"", 302, "Location: http://127.0.0.1:1/"), 502, "upstream_failed"),
    "wrong": (answers(WRONG, 400), 400, "out_of_range"),
    "missing": (answers(b"not json", 404), 400, "upstream_refused"),
    "html": (answers(HTML, 200, "Content-Type: text/html"), 502, "upstream_unreadable"),
    "empty": (answers(b""), 502, "upstream_unreadable"),
    "no-choice": (answers(b'{"choices":[]}'), 502, "upstream_unreadable"),
    "array": (answers(b"[]"), 502, "upstream_unreadable"),
    "null": (answers(b'{"choices":[{"message":null}]}'), 502, "upstream_unreadable"),
    "deep": (answers(b'{"choices":' + b"[" * 5_000), 502, "upstream_unreadable"),
    "huge": (answers(completion("x" * 10_000_000)), 502, "answer_too_large"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_each_fault_has_its_words(api: Api, models: ModelServer, name: str) -> None:
    behaviour, status, code = REFUSALS[name]
    models.behave(f"bad-{name}", behaviour)
    answer = ask(api, f"bad-{name}", "hi", conversation_id=f"bad-{name}")
    error = refused(answer, status, code)
    assert answer.headers["x-conversation-id"] == f"bad-{name}"
    assert "secret" not in answer.text
    if status in (502, 504):
        assert error["type"] == "upstream_error"
    if name == "busy":
        assert (answer.headers["retry-after"], error["retry_after_seconds"]) == ("7", 7)
        assert "slow down" in error["message"]
    if name == "away":
        assert answer.headers["retry-after"] == "30"
    if name == "wrong":
        assert (error["param"], error["type"]) == ("temperature", "invalid_request_error")
        assert error["message"].endswith(": temperature is too high")
    assert told(api, f"bad-{name}") == [("user", "hi")]


async def _breaks_off(asked: Asked, reply: Reply) -> None:
    await reply.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + completion("half")[:100])
    reply.hang_up()


async def _no_http(asked: Asked, reply: Reply) -> None:
    await reply.raw(b"220 mail.example.org ESMTP\r\n\r\n")
    reply.hang_up()


@pytest.mark.parametrize("behaviour", [_breaks_off, _no_http])
def test_answers_that_break_off(api: Api, models: ModelServer, behaviour: Any) -> None:
    models.behave("broken", behaviour)
    refused(ask(api, "broken", "hi"), 502, "upstream_broke_off")


async def _endless(asked: Asked, reply: Reply) -> None:
    await reply.start("Content-Type: application/json")
    while not reply.gone.is_set():
        await reply.piece(b" " * 1_000)
        await asyncio.sleep(0.01)


async def _silent(asked: Asked, reply: Reply) -> None:
    await reply.gone.wait()


@pytest.mark.parametrize("behaviour", [_endless, _silent])
def test_patience_has_an_end(api: Api, models: ModelServer, behaviour: Any) -> None:
    models.behave("dawdler", behaviour)
    patience = {"upstream_base_url": models.base_url, "upstream_total_seconds": 0.3}
    with serving(api.database.service, ("gateway",), **patience) as address, api.at(address) as at:
        refused(ask(at, "dawdler", "hi"), 504, "upstream_timeout")


def test_halves_of_characters_are_mended(api: Api, models: ModelServer) -> None:
    whole = completion("a PLACE b")
    models.behave("half-utf8", answers(whole.replace(b"PLACE", b"\xf0\x9f")))
    asked(api, "half-utf8", "hi", conversation_id="half-1")
    assert told(api, "half-1")[1] == ("assistant", "a \ufffd b")
    models.behave("half-pair", answers(whole.replace(b"PLACE", b"\\ud83d")))
    asked(api, "half-pair", "hi", conversation_id="half-2")
    assert told(api, "half-2")[1] == ("assistant", "a \ufffd b")


def test_a_failed_turn_is_gone_on_with(api: Api, models: ModelServer) -> None:
    models.behave("moody", answers(b"", 500))
    refused(ask(api, "moody", "hi", conversation_id="moody"), 502)
    models.behave("moody", answers(completion("hello")))
    asked(api, "moody", "hi", conversation_id="moody")
    assert told(api, "moody") == [("user", "hi"), ("assistant", "hello")]


def test_the_client_knows_the_rate_limit(api: Api, models: ModelServer) -> None:
    models.behave("limited", answers(BUSY, 429, "Retry-After: 7"))
    with client_of(api, max_retries=0) as client, pytest.raises(RateLimitError) as refusal:
        client.chat.completions.create(
            model="limited", messages=[{"role": "user", "content": "hi"}]
        )
    assert refusal.value.code == "upstream_rate_limited"
