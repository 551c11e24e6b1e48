"""Chat completions, whole: the conversation writes itself, and nothing is doubled or lost."""

from typing import Any

from openai import AsyncOpenAI

from tests.services.gateway.asking import CALL, ask, asked, client_of, stored, told
from tests.services.gateway.model_server import ModelServer, answers, completion, says
from tests.services.support import Api, refused


def test_a_conversation_appears_by_itself(api: Api, models: ModelServer) -> None:
    models.behave("greeter", says("Hello!"))
    with client_of(api) as client:
        first = client.chat.completions.create(
            model="greeter", messages=[{"role": "user", "content": "hi"}]
        )
        name: str = first.conversation_id
        assert first.choices[0].message.content == "Hello!"
        client.chat.completions.create(
            model="greeter",
            messages=[{"role": "user", "content": "again"}],
            extra_body={"conversation_id": name},
        )
    said = [("user", "hi"), ("assistant", "Hello!")]
    assert told(api, name) == [*said, ("user", "again"), ("assistant", "Hello!")]
    assert models.asked["greeter"][0].texts == said[:1]
    assert models.asked["greeter"][1].texts == [*said, ("user", "again")]
    assert models.asked["greeter"][1].headers["authorization"] == "Bearer upstream-key"


async def test_the_asynchronous_client(api: Api, models: ModelServer) -> None:
    models.behave("async", says("Hello!"))
    async with AsyncOpenAI(base_url=f"{api.address}/v1", api_key=api.key) as client:
        raw = await client.chat.completions.with_raw_response.create(
            model="async",
            messages=[{"role": "user", "content": "hi"}],
            extra_body={"conversation_id": "async-1"},
        )
    assert raw.headers["x-conversation-id"] == "async-1"
    assert raw.parse().choices[0].message.content == "Hello!"
    assert told(api, "async-1") == [("user", "hi"), ("assistant", "Hello!")]


def test_answers_carry_usage_cost_model_and_reason(api: Api, models: ModelServer) -> None:
    usage = {"prompt_tokens": 1_000, "completion_tokens": 10, "total_tokens": 1_010, "prompt_tokens_details": {"cached_tokens": 400}}  # fmt: skip
    models.behave("priced", says("x", usage=usage, model="priced-2026"))
    answer = asked(api, "priced", "hi", conversation_id="costs", user_id="u", assistant_id="a")
    question, said = stored(api, "costs")
    assert (question["input_tokens"], question["output_tokens"]) == (0, 0)
    assert question["token_count"] > 0
    assert (said["input_tokens"], said["output_tokens"]) == (1_000, 10)
    assert said["cost_cents"] == (600 * 250 + 400 * 125 + 10 * 1_000) / 1_000_000
    assert (said["model"], said["finish_reason"]) == ("priced-2026", "stop")
    assert said["extra"]["completion"] == {"id": "chatcmpl-1", "usage": usage}
    shown = api.get("/conversations/costs").json()["data"]
    assert (shown["user_id"], shown["assistant_id"], shown["source"]) == ("u", "a", "api")
    assert (shown["total_input_tokens"], shown["total_output_tokens"]) == (1_000, 10)
    assert answer.headers["x-event-position"] == str(api.head())


def test_usage_that_is_not_told_is_counted(api: Api, models: ModelServer) -> None:
    models.behave("silent", says("Hello there", usage=None))
    asked(api, "silent", "hi", conversation_id="counted")
    question, said = stored(api, "counted")
    assert said["input_tokens"] == question["token_count"] + 3
    assert said["output_tokens"] == said["token_count"]
    assert said["cost_cents"] is None


def test_bodies_pass_untouched_but_for_our_fields(api: Api, models: ModelServer) -> None:
    answer = b' {"choices":[{"message":{"content":"x","role":"assistant"}}], "odd": 1.10, "big": 123456789012345678901234567890}'
    models.behave("exact", answers(answer))
    body = (
        b'{"temperature": 1.10, "conversation_id":"exact","messages":[{"content": "a\\u0000b",'
        b' "role":"user","cache": {"x":1.0}}], "model":"exact", "user_id":"u",'
        b' "own": [123456789012345678901234567890, null], "user": "kept"}'
    )
    got = api.client.post(
        "/chat/completions", content=body, headers={"Content-Type": "application/json"}
    )
    assert got.content == b'{"conversation_id":"exact",' + answer.strip()[1:]
    (sent,) = models.asked["exact"]
    assert sent.path == "/v1/chat/completions"
    assert sent.raw == (
        b'{"temperature":1.10,"messages":[{"content": "a\\u0000b", "role":"user","cache": {"x":1.0}}],'
        b'"model":"exact","own":[123456789012345678901234567890, null],"user":"kept"}'
    )
    assert stored(api, "exact")[0]["extra"] == {"cache": {"x": 1.0}}
    assert stored(api, "exact")[0]["content"] == "a\0b"


def test_a_history_that_is_sent_whole_is_not_doubled(api: Api, models: ModelServer) -> None:
    models.behave("whole", says("ok"))
    history: list[Any] = [{"role": "system", "content": "Be short."}]
    with client_of(api) as client:
        for turn in range(4):
            history.append({"role": "user", "content": f"turn {turn}"})
            answer = client.chat.completions.create(
                model="whole", messages=history, extra_body={"conversation_id": "whole"}
            )
            history.append(answer.choices[0].message)  # the client's own object, as people do
    assert [m["sequence"] for m in stored(api, "whole")] == list(range(1, 10))
    for turn, request in enumerate(models.asked["whole"]):
        assert len(request.body["messages"]) == 2 * turn + 2
        assert request.texts[0] == ("system", "Be short.")


def test_of_a_part_of_the_history_what_follows_the_last_answer_is_new(
    api: Api, models: ModelServer
) -> None:
    models.behave("part", says("ok"))
    asked(api, "part", "one", conversation_id="part")
    asked(api, "part", "two", conversation_id="part")
    cut = [{"role": "assistant", "content": "ok"}, {"role": "user", "content": "three"}]
    asked(api, "part", *cut, conversation_id="part")
    asked(api, "part", "one", conversation_id="part")
    ours = [text for role, text in told(api, "part") if role == "user"]
    assert ours == ["one", "two", "three", "one"]
    assert models.asked["part"][-1].texts == told(api, "part")[:-1]


def test_instructions_are_stored_once(api: Api, models: ModelServer) -> None:
    models.behave("ruled", says("ok"))
    for rules in ("Be kind.", "Be kind.", "Be brief.", "Be kind."):
        asked(api, "ruled", {"role": "system", "content": rules}, "hi", conversation_id="ruled")
    system = [text for role, text in told(api, "ruled") if role == "system"]
    assert system == ["Be kind.", "Be brief."]


def test_tools(api: Api, models: ModelServer) -> None:
    second = CALL | {"id": "call_2"}
    models.behave(
        "tools", says({"role": "assistant", "content": None, "tool_calls": [CALL, second]})
    )
    answer = asked(api, "tools", "do", conversation_id="tools").json()
    assert answer["choices"][0]["message"]["tool_calls"] == [CALL, second]
    models.behave("tools", says("done"))
    results = [{"role": "tool", "tool_call_id": c["id"], "content": "42"} for c in (CALL, second)]
    asked(api, "tools", *results, conversation_id="tools")
    assert [m["role"] for m in models.asked["tools"][-1].body["messages"]] == ["user", "assistant", "tool", "tool"]  # fmt: skip
    assert stored(api, "tools")[1]["tool_calls"] == [CALL, second]
    error = refused(
        ask(api, "tools", "a", results[0], conversation_id="tools"), 400, "unmatched_tool_call"
    )
    assert error["param"] == "messages[1].tool_call_id"


def test_refusals_and_reasoning(api: Api, models: ModelServer) -> None:
    models.behave("no", says({"role": "assistant", "content": None, "refusal": "I will not."}))
    asked(api, "no", "do", conversation_id="refusals")
    assert stored(api, "refusals")[1]["content"] == [{"type": "refusal", "refusal": "I will not."}]
    thought = {"role": "assistant", "content": "42", "reasoning_content": "hm", "annotations": []}
    models.behave("thinker", says(thought))
    asked(api, "thinker", "do", conversation_id="thoughts")
    assert stored(api, "thoughts")[1]["extra"]["reasoning_content"] == "hm"
    # What came back from there goes the same way again, and is not new.
    asked(api, "thinker", "do", thought, "more", conversation_id="thoughts")
    assert len(stored(api, "thoughts")) == 4


def test_answers_without_a_content_come_back_as_they_went(api: Api, models: ModelServer) -> None:
    """What a model answered is not refused when the client's own object of it is sent again."""
    call = {"name": "f", "arguments": "{}"}
    history: list[Any] = []
    with client_of(api) as client:
        for more in ({}, {"reasoning_content": "hm"}, {"function_call": call}, {"refusal": "no"}):
            models.behave("mute", says({"role": "assistant", "content": None, **more}))
            history.append({"role": "user", "content": f"do {len(history)}"})
            answer = client.chat.completions.create(
                model="mute", messages=history, extra_body={"conversation_id": "mute"}
            )
            history.append(answer.choices[0].message)
        assert [m["sequence"] for m in stored(api, "mute")] == list(range(1, 9))
        # In a conversation that knows nothing of them, what they hold beside a content is enough.
        models.behave("mute", says("at last"))
        some: list[Any] = [*history[2:], {"role": "user", "content": "say it"}]
        client.chat.completions.create(
            model="mute", messages=some, extra_body={"conversation_id": "mute-again"}
        )
    answers = stored(api, "mute-again")[1::2]
    assert [m["content"] for m in answers[:2]] == ["", ""]
    assert answers[1]["extra"]["function_call"] == call


def test_an_odd_message_is_kept_as_it_came(api: Api, models: ModelServer) -> None:
    odd = {"role": "assistant", "content": "x", "tool_calls": [{"type": "function", "id": 7}]}
    models.behave("odd", says(odd))
    asked(api, "odd", "do", conversation_id="odd")
    message = stored(api, "odd")[1]
    assert (message["content"], message["tool_calls"]) == ("x", None)
    assert message["extra"]["message"] == odd


def test_models_and_services(api: Api, models: ModelServer) -> None:
    models.behave("its-other-name", says("ok"))
    asked(api, "renamed", "hi")
    (sent,) = models.asked["its-other-name"]
    assert sent.path == "/elsewhere/v1/chat/completions"
    assert "authorization" not in sent.headers
    refused(ask(api, "unreachable", "hi"), 502, "upstream_unreachable")


def test_what_was_said_is_stored_before_the_model_is_called(api: Api, models: ModelServer) -> None:
    async def look(given: Any, reply: Any) -> None:
        import asyncio

        seen = await asyncio.to_thread(told, api, "before")
        await reply.whole(completion(repr(seen)))

    models.behave("looker", look)
    answer = asked(api, "looker", "are you there?", conversation_id="before").json()
    assert answer["choices"][0]["message"]["content"] == "[('user', 'are you there?')]"
