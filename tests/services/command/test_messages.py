"""Append, batch, pin."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.services.support import Api, refused

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def appended(api: Api, name: str, **message: Any) -> dict[str, Any]:
    answer = api.post(f"/conversations/{name}/messages", {"role": "user", **message})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["data"]


def test_append(api: Api) -> None:
    api.start("one")
    answer = api.post("/conversations/one/messages", {"role": "user", "content": "hi"})
    message = answer.json()["data"]
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"2"'
    assert message["id"].startswith("msg_")
    assert (message["sequence"], message["conversation_id"]) == (1, "one")
    assert (message["is_pinned"], message["is_compacted"]) == (False, False)
    assert api.get("/conversations/one/messages").json()["data"] == [message]


def test_usage_is_counted_or_taken(api: Api) -> None:
    api.start("usage")
    asked = appended(api, "usage", content="hello world")
    said = appended(api, "usage", role="assistant", content="hello world")
    told = appended(
        api, "usage", role="assistant", content="x", input_tokens=11, output_tokens=22, cost_cents=1
    )
    assert asked["input_tokens"] == asked["token_count"] > 2
    assert asked["output_tokens"] == 0
    assert said["output_tokens"] == said["token_count"]
    assert said["input_tokens"] == 0
    assert (told["input_tokens"], told["output_tokens"], told["cost_cents"]) == (11, 22, 1)
    shown = api.get("/conversations/usage").json()["data"]
    assert shown["total_input_tokens"] == asked["input_tokens"] + 11
    assert shown["total_output_tokens"] == said["output_tokens"] + 22


@pytest.mark.parametrize(
    ("written", "cost"),
    [
        ("0", 0),
        ("-0.0", 0),
        ("1e3", 1_000),
        ("5e-05", 0.00005),
        ("1.5E-7", 1.5e-7),
        ("1e-12", 1e-12),
        ("1e9", 1_000_000_000),
        ("0.100000000000000000", 0.1),
    ],
)
def test_costs_in_every_spelling(api: Api, written: str, cost: float) -> None:
    """Python writes 0.00005 as 5e-05."""
    body = f'{{"role":"user","content":"x","cost_cents":{written}}}'
    name = f"cost-{abs(hash(written))}"
    api.start(name)
    headers = {"Content-Type": "application/json"}
    answer = api.post(f"/conversations/{name}/messages", content=body, headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.json()["data"]["cost_cents"] == cost
    shown = api.get(f"/conversations/{name}").json()["data"]
    assert (shown["total_cost_cents"], shown["messages"][0]["cost_cents"]) == (cost, cost)


@pytest.mark.parametrize(
    "written",
    [
        "-1",
        "1e10",
        "1e-13",
        "0.1234567890123",
        "1000000000.1",
        '"1"',
        "true",
        "[]",
        "1e999",
        "1e-999",
    ],
)
def test_costs_that_cannot_be(api: Api, written: str) -> None:
    body = f'{{"role":"user","content":"x","cost_cents":{written}}}'
    headers = {"Content-Type": "application/json"}
    answer = api.post("/conversations/nobody/messages", content=body, headers=headers)
    refused(answer, 400, "invalid_value", "cost_cents")


def test_a_batch_is_all_or_nothing(api: Api) -> None:
    api.start("batch")
    good = [{"role": "user", "content": str(n), "id": f"b{n}"} for n in range(100)]
    answer = api.post("/conversations/batch/messages/batch", {"messages": good})
    assert answer.status_code == 201
    assert [m["sequence"] for m in answer.json()["data"]] == list(range(1, 101))
    assert {k: v for k, v in answer.json().items() if k != "data"} == {
        "has_more": False,
        "next_cursor": None,
    }
    head = api.head()
    doubled = [{"role": "user", "content": "x", "id": "new"}, {**good[3], "content": "other"}]
    bad = api.post("/conversations/batch/messages/batch", {"messages": doubled})
    refused(bad, 409, "already_exists")
    too_many = {"messages": [{"role": "user", "content": "x"}] * 101}
    refused(api.post("/conversations/batch/messages/batch", too_many), 400, param="messages")
    refused(api.post("/conversations/batch/messages/batch", {"messages": []}), 400)
    assert api.head() == head


def test_the_same_id_again(api: Api) -> None:
    api.start("ids")
    body = {"role": "user", "content": "once", "id": "m"}
    first = api.post("/conversations/ids/messages", body)
    head = api.head()
    again = api.post("/conversations/ids/messages", body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    other = api.post("/conversations/ids/messages", {**body, "content": "other"})
    refused(other, 409, "already_exists", "id")
    batch = {"messages": [body, {**body, "id": "n"}]}
    partly = refused(
        api.post("/conversations/ids/messages/batch", batch),
        409,
        "already_exists",
        "messages[1].id",
    )
    assert partly["message"].startswith("Only some messages of this batch are stored")
    assert api.head() == head


def test_tool_messages_answer_open_calls(api: Api) -> None:
    api.start("tools")
    appended(api, "tools", role="assistant", content=None, tool_calls=[CALL])
    answer = {"role": "tool", "content": "4", "tool_call_id": "call_1", "id": "t"}
    first = api.post("/conversations/tools/messages", answer)
    assert first.status_code == 201
    again = api.post("/conversations/tools/messages", answer)
    assert (again.status_code, again.json()) == (200, first.json())
    other = {**answer, "content": "5"}
    refused(api.post("/conversations/tools/messages", other), 409, "already_exists", "id")
    batch = {"messages": [other]}
    path = "/conversations/tools/messages/batch"
    refused(api.post(path, batch), 409, "already_exists", "messages[0].id")
    both = {"messages": [answer, {"role": "user", "content": "more", "id": "t3"}]}
    refused(api.post(path, both), 409, "already_exists", "messages[1].id")
    second = {**answer, "id": "t2"}
    refused(
        api.post("/conversations/tools/messages", second),
        400,
        "unmatched_tool_call",
        "tool_call_id",
    )
    refused(
        api.post("/conversations/tools/messages", {"role": "tool", "content": "x"}),
        400,
        "missing_field",
        "tool_call_id",
    )


@pytest.mark.parametrize("method", ["one", "many"])
def test_concurrent_appends_make_one_sequence(api: Api, method: str) -> None:
    """32 writers at once: no gap, none twice."""
    name = f"busy-{method}"
    api.start(name)

    def write(number: int) -> list[int]:
        message = {"role": "user", "content": str(number)}
        if method == "one":
            answer = api.post(f"/conversations/{name}/messages", message)
            return [answer.json()["data"]["sequence"]]
        answer = api.post(f"/conversations/{name}/messages/batch", {"messages": [message] * 3})
        return [m["sequence"] for m in answer.json()["data"]]

    with ThreadPoolExecutor(32) as pool:
        written = list(pool.map(write, range(96)))
    assert sorted(n for numbers in written for n in numbers) == list(
        range(1, 1 + sum(map(len, written)))
    )
    assert all(numbers == list(range(numbers[0], numbers[0] + len(numbers))) for numbers in written)


def test_pin_and_unpin(api: Api) -> None:
    api.start("pins", "a", "b")
    first, second = api.get("/conversations/pins/messages").json()["data"]
    path = f"/conversations/pins/messages/{first['id']}"
    pinned = api.patch(path, {"is_pinned": True})
    assert pinned.json()["data"] == {**first, "is_pinned": True}
    head = api.head()
    assert api.patch(path, {"is_pinned": True}).json() == pinned.json()
    assert api.head() == head
    assert api.get("/conversations/pins/messages?pinned=true").json()["data"] == [
        {**first, "is_pinned": True}
    ]
    assert api.get("/conversations/pins/messages?pinned=false").json()["data"] == [second]
    assert api.patch(path, {"is_pinned": False}).json()["data"] == first
    refused(api.patch(path, {}), 400, "missing_field", "is_pinned")
    refused(api.patch(path, {"is_pinned": 1}), 400, param="is_pinned")
    refused(
        api.patch("/conversations/pins/messages/nope", {"is_pinned": True}),
        404,
        "message_not_found",
    )
    refused(
        api.patch("/conversations/nope/messages/nope", {"is_pinned": True}),
        404,
        "conversation_not_found",
    )
