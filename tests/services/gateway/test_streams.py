"""Streamed chat completions: passed on as they come, and put together."""

import asyncio
import threading
from typing import Any

from openai import AsyncOpenAI

from tests.services.gateway.asking import (
    HELLO,
    USED,
    answer_of,
    client_of,
    streamed,
    streaming,
    told,
)
from tests.services.gateway.model_server import DONE, Asked, ModelServer, Reply, chunk, streams
from tests.services.support import Api


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
