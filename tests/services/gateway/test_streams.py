"""Streamed chat completions: passed on as they come, kept as far as they came."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from openai import APIError, AsyncOpenAI

from services.gateway import assembling
from tests.running import wait_until
from tests.services.gateway.model_server import (
    DONE,
    Asked,
    ModelServer,
    Reply,
    chunk,
    completion,
    streams,
)
from tests.services.gateway.test_chat import client_of, stored, told
from tests.services.support import Api, refused, serving

HELLO = (chunk({"role": "assistant", "content": ""}), chunk("Hel"), chunk("lo"), chunk({}, "stop"))
USED = {"prompt_tokens": 50, "completion_tokens": 5, "total_tokens": 55}


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


def test_events_pass_untouched_but_for_our_field(api: Api, models: ModelServer) -> None:
    models.behave("stream", streams(*HELLO, b": alive\r\n\r\n", DONE))
    with streaming(api, "stream", "stream") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-conversation-id"] == "stream"
        got = answer.read()
    ours = b'data: {"conversation_id":"stream",'
    assert got == b"".join(HELLO).replace(b"data: {", ours) + b": alive\r\n\r\n" + DONE
    message = answer_of(api, "stream")
    assert (message["content"], message["finish_reason"]) == ("Hello", "stop")
    assert "incomplete" not in message
    assert message["output_tokens"] == message["token_count"]  # counted: nobody told


async def test_the_asynchronous_client(api: Api, models: ModelServer) -> None:
    usage = chunk("", choices=[], usage=USED)
    models.behave("stream-async", streams(*HELLO, usage, DONE))
    async with AsyncOpenAI(base_url=f"{api.address}/v1", api_key=api.key) as client:
        stream = await client.chat.completions.create(
            model="stream-async",
            messages=[{"role": "user", "content": "hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello"
    message = answer_of(api, chunks[0].conversation_id)
    assert (message["input_tokens"], message["output_tokens"]) == (50, 5)
    assert message["model"] == "served-model"


def test_the_synchronous_client(api: Api, models: ModelServer) -> None:
    models.behave("stream-sync", streams(*HELLO, DONE))
    with client_of(api) as client:
        body = {"conversation_id": "stream-sync"}
        for turn in range(2):
            stream = client.chat.completions.create(
                model="stream-sync",
                messages=[{"role": "user", "content": f"turn {turn}"}],
                stream=True,
                extra_body=body,
            )
            assert "".join(c.choices[0].delta.content or "" for c in stream) == "Hello"
            assert told(api, "stream-sync")[-1] == ("assistant", "Hello")  # at [DONE] it is stored
    assert len(told(api, "stream-sync")) == 4


def test_each_event_goes_out_when_it_comes(api: Api, models: ModelServer) -> None:
    """The model says the next piece only when the client has the last one."""
    heard = threading.Semaphore(0)

    async def waits(asked: Asked, reply: Reply) -> None:
        await reply.start()
        for piece in (*HELLO, DONE):
            await reply.piece(piece)
            await asyncio.to_thread(heard.acquire, timeout=20)
        await reply.end()

    models.behave("stepwise", waits)
    with streaming(api, "stepwise", "stepwise") as answer:
        events = 0
        for line in answer.iter_lines():
            if line.startswith("data: "):
                events += 1
                heard.release()
    assert events == len(HELLO) + 1


def test_a_stream_s_connection_is_used_again(api: Api, models: ModelServer) -> None:
    """Also where the body's end comes after the last event, in a packet of its own."""
    models.behave("again", streams(*HELLO, DONE))
    streamed(api, "again", "again")
    before = models.connections
    for _ in range(3):
        assert streamed(api, "again", "again")[-1] == "[DONE]"
    assert models.connections == before


def test_parallel_tool_calls_are_put_together(api: Api, models: ModelServer) -> None:
    def call(index: int, **more: Any) -> bytes:
        return chunk({"tool_calls": [{"index": index, **more}]})

    def function(**more: str) -> dict[str, Any]:
        return {"function": more}

    parts = [
        chunk({"role": "assistant", "content": None}),
        call(0, id="call_a", type="function", **function(name="find", arguments="")),
        call(0, **function(arguments='{"id"')),
        call(1, id="call_b", type="function", **function(name="look", arguments="")),
        call(1, **function(arguments="{}")),
        call(0, **function(arguments=": 1.10}")),
        chunk({}, "tool_calls"),
    ]
    models.behave("calls", streams(*parts, DONE))
    assert streamed(api, "calls", "calls")[-1] == "[DONE]"
    message = answer_of(api, "calls")
    assert (message["content"], message["finish_reason"]) == (None, "tool_calls")
    assert message["tool_calls"] == [
        {"id": "call_a", "type": "function", "function": {"name": "find", "arguments": '{"id": 1.10}'}},
        {"id": "call_b", "type": "function", "function": {"name": "look", "arguments": "{}"}},
    ]  # fmt: skip


def test_refusals_and_reasoning(api: Api, models: ModelServer) -> None:
    parts = [chunk({"reasoning_content": "h"}), chunk({"reasoning_content": "m"}), chunk({"refusal": "I "}), chunk({"refusal": "won't"}), chunk({}, "stop")]  # fmt: skip
    models.behave("thinks", streams(*parts, DONE))
    streamed(api, "thinks", "thinks")
    message = answer_of(api, "thinks")
    assert message["content"] == [{"type": "refusal", "refusal": "I won't"}]
    assert message["extra"]["reasoning_content"] == "hm"


def test_what_is_said_aloud_is_put_together(api: Api, models: ModelServer) -> None:
    """An object comes in pieces, too: its texts grow, what comes once stays."""
    pieces = (
        {"role": "assistant", "content": "", "audio": {"id": "audio_1", "transcript": "Good"}},
        {"audio": {"data": "AAAA"}},
        {"audio": {"transcript": " day"}},
        {"audio": {"data": "BBBB", "id": "audio_1"}},
        {"audio": {"expires_at": 1729}},
        {"function_call": {"name": "look", "arguments": ""}},
        {"function_call": {"arguments": '{"a"'}},
        {"function_call": {"arguments": ": 1}"}},
    )
    models.behave("aloud", streams(*map(chunk, pieces), chunk({}, "stop"), DONE))
    streamed(api, "aloud", "aloud")
    extra = answer_of(api, "aloud")["extra"]
    assert extra["audio"] == {
        "id": "audio_1",
        "transcript": "Good day",
        "data": "AAAABBBB",
        "expires_at": 1729,
    }
    assert extra["function_call"] == {"name": "look", "arguments": '{"a": 1}'}


def test_characters_cut_in_two(api: Api, models: ModelServer) -> None:
    """Between packets, and as the halves of a pair in two chunks."""
    whole = chunk("a ñ 😀").replace(b"\\u00f1", "ñ".encode())
    halves = [chunk("PLACE").replace(b"PLACE", half) for half in (b"\\ud83d", b"\\ude00")]
    cut = whole.index("ñ".encode()) + 1
    models.behave(
        "halves", streams(whole[:cut], whole[cut:] + halves[0], halves[1], chunk({}, "stop"), DONE)
    )
    streamed(api, "halves", "halves")
    assert answer_of(api, "halves")["content"] == "a ñ 😀😀"


def test_a_stream_without_its_last_event_may_be_whole(api: Api, models: ModelServer) -> None:
    models.behave("no-done", streams(*HELLO))
    assert streamed(api, "no-done", "no-done")[-1] != "[DONE]"
    assert "incomplete" not in answer_of(api, "no-done")


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
