"""Streams that break off, or never end: what came is kept and marked, and the client is told."""

import asyncio
import json
import threading
from contextlib import ExitStack
from typing import Any

import pytest
from openai import APIError

from services.gateway import assembling
from tests.running import wait_until
from tests.services.gateway.asking import (
    HELLO,
    answer_of,
    client_of,
    stored,
    streamed,
    streaming,
    told,
)
from tests.services.gateway.model_server import (
    DONE,
    Asked,
    ModelServer,
    Reply,
    chunk,
    completion,
    streams,
)
from tests.services.support import Api, refused, serving

FAULTS: dict[str, tuple[Any, str]] = {
    "broken": (streams(*HELLO[:2], ends=False), "upstream_broke_off"),
    "short": (streams(*HELLO[:2]), "upstream_broke_off"),
    "babble": (streams(*HELLO[:2], b"data: <html>\n\n"), "upstream_unreadable"),
    "cut": (streams(*HELLO[:2], b'data: {"choices":[{"delta":{"cont'), "upstream_unreadable"),
    "fault": (streams(*HELLO[:2], b'data: {"error":{"message":"oops"}}\n\n'), "upstream_failed"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_breaks_off_is_kept_and_marked(api: Api, models: ModelServer, name: str) -> None:
    behaviour, code = FAULTS[name]
    models.behave(name, behaviour)
    *events, last = streamed(api, name, f"kept-{name}")
    assert [e["choices"][0]["delta"].get("content") for e in events] == ["", "Hel"]
    assert (last["error"]["type"], last["error"]["code"]) == ("upstream_error", code)
    message = answer_of(api, f"kept-{name}")
    assert (message["content"], message["incomplete"]) == ("Hel", code)
    assert message["finish_reason"] is None


def test_the_client_sees_that_it_broke_off(api: Api, models: ModelServer) -> None:
    models.behave("broken", streams(*HELLO[:2], ends=False))
    with client_of(api) as client:
        stream = client.chat.completions.create(
            model="broken", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        with pytest.raises(APIError) as fault:
            list(stream)
    assert fault.value.code == "upstream_broke_off"


def test_half_a_call_is_no_call(api: Api, models: ModelServer) -> None:
    half = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{"}}
    models.behave("half-call", streams(chunk({"tool_calls": [half]}), ends=False))
    streamed(api, "half-call", "half-call")
    message = answer_of(api, "half-call")
    assert (message["content"], message["tool_calls"]) == ("", None)
    assert message["extra"]["broken_tool_calls"][0]["function"]["arguments"] == "{"


def test_faults_before_the_first_event_are_errors(api: Api, models: ModelServer) -> None:
    html = b"<html>\n\n"
    cases = {
        "first-json": (streams(b'data: {"error":{"message":"no"}}\n\n'), "upstream_failed"),
        "first-html": (streams(html), "upstream_unreadable"),
        "first-whole": (streams(completion("x")), "upstream_unreadable"),
        "first-none": (streams(), "upstream_broke_off"),
    }
    for name, (behaviour, code) in cases.items():
        models.behave(name, behaviour)
        with streaming(api, name, name) as answer:
            answer.read()
            refused(answer, 502, code)
            assert answer.headers["x-conversation-id"] == name
        assert told(api, name) == [("user", "hi")]


def test_a_client_that_hangs_up(api: Api, models: ModelServer) -> None:
    """What came is kept, marked; the model's service is left alone at once."""
    left = threading.Event()

    async def talks(asked: Asked, reply: Reply) -> None:
        await reply.start()
        await reply.piece(HELLO[0] + HELLO[1])
        await reply.gone.wait()
        left.set()

    models.behave("talker", talks)
    with streaming(api, "talker", "hung-up") as answer:
        next(answer.iter_bytes())
    assert left.wait(20)
    wait_until(lambda: len(stored(api, "hung-up")) == 2)
    message = answer_of(api, "hung-up")
    assert (message["content"], message["incomplete"]) == ("Hel", "interrupted")


def test_a_process_that_stops(api: Api, models: ModelServer, monkeypatch: Any) -> None:
    monkeypatch.setattr("services.http.server.GRACE_SECONDS", 0)

    async def talks(asked: Asked, reply: Reply) -> None:
        await reply.start()
        await reply.piece(HELLO[0] + HELLO[1])
        await reply.gone.wait()

    models.behave("stopped", talks)
    settings = {"upstream_base_url": models.base_url}
    with ExitStack() as client:
        with serving(api.database.service, ("gateway",), **settings) as address:
            other = client.enter_context(api.at(address))
            answer = client.enter_context(streaming(other, "stopped", "stopped"))
            lines = answer.iter_lines()
            while "Hel" not in next(lines):
                pass
        rest = [json.loads(line.removeprefix("data: ")) for line in lines if line]
    assert [event["error"]["code"] for event in rest] == ["interrupted"]
    message = answer_of(api, "stopped")
    assert (message["content"], message["incomplete"]) == ("Hel", "interrupted")


def test_an_endless_stream_ends(api: Api, models: ModelServer) -> None:
    async def drones(asked: Asked, reply: Reply) -> None:
        await reply.start()
        while not reply.gone.is_set():
            await reply.piece(chunk("on "))
            await asyncio.sleep(0.002)

    models.behave("drone", drones)
    patience = {"upstream_base_url": models.base_url, "upstream_total_seconds": 0.4}
    with serving(api.database.service, ("gateway",), **patience) as address, api.at(address) as at:
        *_, last = streamed(at, "drone", "drone")
    assert last["error"]["code"] == "upstream_timeout"
    message = answer_of(api, "drone")
    assert message["content"].startswith("on on ")
    assert message["incomplete"] == "upstream_timeout"


def test_a_text_that_is_too_long(api: Api, models: ModelServer, monkeypatch: Any) -> None:
    monkeypatch.setattr(assembling, "MOST_TEXT", 4)
    models.behave("long", streams(*HELLO, DONE))
    *_, last = streamed(api, "long", "long")
    assert last["error"]["code"] == "answer_too_large"
    assert answer_of(api, "long")["incomplete"] == "answer_too_large"


def test_a_conversation_deleted_meanwhile(api: Api, models: ModelServer) -> None:
    async def deletes(asked: Asked, reply: Reply) -> None:
        await reply.start()
        await asyncio.to_thread(api.delete, "/conversations/meanwhile")
        for piece in (*HELLO, DONE):
            await reply.piece(piece)
        await reply.end()

    models.behave("deleter", deletes)
    *_, last = streamed(api, "deleter", "meanwhile")
    assert last["error"]["code"] == "conversation_deleted"
