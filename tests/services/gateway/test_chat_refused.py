"""Chat completions that are refused, each in the words of this API; and what belongs to others."""

import json
from typing import Any

import httpx
import pytest

from services.settings_models import ModelSettings
from tests.services.gateway.asking import ask, asked, told
from tests.services.gateway.model_server import ModelServer, says
from tests.services.support import Api, new_key, refused, serving


def test_without_a_service_or_the_model(api: Api) -> None:
    dsn = api.database.service
    head = api.head()
    with serving(dsn, ("gateway",)) as address, api.at(address) as alone:
        answer = ask(alone, "m", "hi")
        error = refused(answer, 503, "no_upstream")
        assert "VERBATIM_UPSTREAM_BASE_URL" in error["message"]
        # OpenAI's client would wait a minute for each of its two retries before it says so.
        assert answer.headers["x-should-retry"] == "false"
        assert int(answer.headers["retry-after"]) == error["retry_after_seconds"] == 60
    only = {"upstream_base_url": "http://127.0.0.1:1/v1", "models": {"known": ModelSettings()}}
    with serving(dsn, ("gateway",), **only) as address, api.at(address) as alone:
        error = refused(ask(alone, "m", "hi"), 400, "unknown_model", "model")
        assert "known" in error["message"]
    assert api.head() == head


def test_more_than_the_model_takes(api: Api) -> None:
    """What was said is stored; the answer says what the model takes, and what is asked of it."""
    small = ModelSettings(context_tokens=60, answer_tokens=20)
    only = {"upstream_base_url": "http://127.0.0.1:1/v1", "models": {"small": small}}
    with (
        serving(api.database.service, ("gateway",), **only) as address,
        api.at(address) as alone,
    ):
        answer = ask(alone, "small", "word " * 100, conversation_id="too-much")
    error = refused(answer, 400, "context_budget_too_small", "messages")
    assert "`small` takes 40" in error["message"]
    assert answer.headers["x-conversation-id"] == "too-much"
    assert [m["role"] for m in api.get("/conversations/too-much/messages").json()["data"]] == [
        "user"
    ]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"n": 2}, "n"),
        ({"conversation_id": "a b"}, "conversation_id"),
        ({"conversation_id": ""}, "conversation_id"),
        ({"conversation_id": 5}, "conversation_id"),
        ({"user_id": "a\nb"}, "user_id"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        *(
            ({"messages": [*before, empty]}, f"messages[{len(before)}].content")
            for before in ([], [{"role": "user", "content": "hi"}])
            for role in ("user", "system", "developer", "tool", "assistant")
            for message in [{"role": role} | ({"tool_call_id": "c"} if role == "tool" else {})]
            for empty in (message, message | {"content": None}, message | {"content": []})
        ),
        (
            {"messages": [{"role": "assistant", "content": None, "tool_calls": []}]},
            "messages[0].content",
        ),
        *(
            ({"messages": [{"role": "assistant", "tool_calls": calls}]}, "messages[0].tool_calls")
            for calls in (5, True, "x", {"id": "c"})
        ),
        ({"model": ""}, "model"),
    ],
)
def test_requests_that_cannot_be(api: Api, models: ModelServer, body: Any, param: str) -> None:
    models.behave("never", says("x"))
    head = api.head()
    whole = {"model": "never", "messages": [{"role": "user", "content": "hi"}]} | body
    error = refused(api.post("/chat/completions", whole), 400, param=param)
    assert "another word" not in error["message"]
    assert "never" not in models.asked
    assert api.head() == head


@pytest.mark.parametrize("number", ["1e999", f"{10**400}.0"])
def test_numbers_that_no_float_holds(api: Api, models: ModelServer, number: str) -> None:
    """In any place of a message: refused, not a fault of ours."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    for message in (
        {"role": "user", "content": "@@@"},
        {"role": "user", "content": [{"type": "text", "text": "@@@"}]},
        {"role": "assistant", "content": None, "tool_calls": "@@@"},
        {"role": "assistant", "content": None, "tool_calls": [call | {"index": "@@@"}]},
    ):
        text = json.dumps({"model": "any", "messages": [message]}).replace('"@@@"', number)
        headers = {"content-type": "application/json"}
        refused(api("POST", "/chat/completions", content=text, headers=headers), 400)


def test_ids_of_others(api: Api, models: ModelServer) -> None:
    """A deleted conversation takes nothing; an id that another workspace uses is simply free here."""
    models.behave("others", says("ok"))
    api.start("gone", "x")
    api.delete("/conversations/gone")
    refused(ask(api, "others", "hi", conversation_id="gone"), 409, "conversation_deleted")
    with api.as_workspace("rivals") as rivals:
        asked(rivals, "others", "their secret", conversation_id="shared-name")
    asked(api, "others", "mine", conversation_id="shared-name")
    assert models.asked["others"][-1].texts == [("user", "mine")]
    with api.as_workspace("rivals") as rivals:
        assert told(rivals, "shared-name")[0] == ("user", "their secret")


def test_a_key_without_write_may_not_ask(api: Api) -> None:
    key = new_key(api.database.service, scopes=("read",))
    answer = httpx.post(
        f"{api.address}/v1/chat/completions", headers={"Authorization": f"Bearer {key}"}, json={}
    )
    refused(answer, 403, "missing_scope")
