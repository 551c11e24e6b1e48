"""What an item is: kept as it came, shown as a message on the other surface, refused where it cannot be."""

import json
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from tests.services.openai.items import CALL, OUTPUT, SAID, THOUGHT, USER, at, client, plain
from tests.services.support import Api

__all__ = ["client"]


def test_items_come_back_as_they_were(client: OpenAI) -> None:
    items: list[Any] = [USER, THOUGHT, CALL, OUTPUT, SAID]
    made = client.conversations.create(items=items)
    expected = [USER | {"status": "completed"}, THOUGHT, CALL, OUTPUT, SAID]
    listed = client.conversations.items.list(made.id, order="asc", include=["message.output_text.logprobs"])  # fmt: skip
    assert plain(listed) == expected
    assert plain(client.conversations.items.list(made.id)) == expected[::-1]
    ids = [item.id for item in listed]
    assert [name.split("_")[0] for name in ids] == ["msg", "rs", "fc", "fco", "msg"]
    for item in listed:
        assert client.conversations.items.retrieve(item.id, conversation_id=made.id) == item


def test_any_kind_is_kept_byte_for_byte(api: Api, client: OpenAI) -> None:
    made = client.conversations.create()
    raw = b'{"type": "hologram_call", "id":"mine", "depth": 1.10, "big": 123456789012345678901234567890, "x": {"id": 7}}'
    answer = at(
        api,
        "POST",
        f"/conversations/{made.id}/items",
        content=b'{"items": [' + raw + b"]}",
        headers={"Content-Type": "application/json"},
    )
    name = answer.json()["first_id"]
    item = b'{"id":"%s","type":"hologram_call","depth":1.10,"big":123456789012345678901234567890,"x":{"id": 7}}' % name.encode()  # fmt: skip
    assert item in answer.content
    assert at(api, "GET", f"/conversations/{made.id}/items/{name}").content == item
    (message,) = api.get(f"/conversations/{made.id}/messages").json()["data"]
    assert (message["role"], message["kind"], message["token_count"]) == (
        "assistant",
        "hologram_call",
        0,
    )
    assert message["content"][0]["x"] == {"id": 7}


@pytest.mark.parametrize(
    "content",
    [
        "hi",
        "",
        [],
        [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}],
        [{"type": "input_image", "image_url": "http://x/y.png", "detail": "low"}],
        [{"type": "input_image", "file_id": "f", "detail": "auto", "image_url": None}],
        [{"type": "input_file", "file_id": "f", "file_url": None, "detail": "low"}],
        [{"type": "input_file", "file_data": "QQ==", "filename": "a.txt"}],
        [{"type": "text", "text": "as it is"}],
        [{"type": "smell", "of": "roses"}],
    ],
)
def test_every_way_to_write_a_message(api: Api, content: Any) -> None:
    items = [{"role": "user", "content": content}]
    made = at(api, "POST", "/conversations", json={"items": items}).json()
    (item,) = at(api, "GET", f"/conversations/{made['id']}/items").json()["data"]
    text = [{"type": "input_text", "text": content}]
    assert item.pop("id").startswith("msg_")
    assert item == {
        "type": "message",
        "role": "user",
        "status": "completed",
        "content": text if isinstance(content, str) else content,
    }


def test_what_one_surface_writes_the_other_reads(api: Api, client: OpenAI) -> None:
    calls = [
        {"id": name, "type": "function", "function": {"name": "f", "arguments": "{}"}}
        for name in ("call_1", "call_2")
    ]
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "http://x"}}]},
        {"role": "assistant", "content": "Looking.", "tool_calls": calls, "id": "asks"},
        {"role": "tool", "tool_call_id": "call_1", "content": "1"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "2"}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    ]  # fmt: skip
    api.post("/conversations", {"id": "both", "messages": messages})
    items = client.conversations.items.list("both", order="asc").data
    assert plain(items) == [
        {"type": "message", "role": "system", "status": "completed", "content": [{"type": "input_text", "text": "Be kind."}]},
        {"type": "message", "role": "user", "status": "completed", "content": [
            {"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "http://x", "detail": "auto"}]},
        {"type": "message", "role": "assistant", "status": "completed", "content": [
            {"type": "output_text", "text": "Looking.", "annotations": [], "logprobs": []}]},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "function_call", "call_id": "call_2", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "function_call_output", "call_id": "call_1", "output": "1", "status": "completed"},
        {"type": "function_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "2"}], "status": "completed"},
        {"type": "message", "role": "assistant", "status": "completed", "content": [{"type": "refusal", "refusal": "No."}]},
    ]  # fmt: skip
    assert [items[2].id, items[3].id, items[4].id] == ["asks", "asks.2", "asks.3"]
    second = client.conversations.items.retrieve("asks.3", conversation_id="both")
    assert second == items[4]
    for size in range(1, 9):  # pages may end within a message
        pages = client.conversations.items.list("both", order="desc", limit=size)
        assert [item.id for item in pages] == [item.id for item in items][::-1]
    with pytest.raises(NotFoundError):
        client.conversations.items.retrieve("asks.4", conversation_id="both")
    client.conversations.items.delete("asks.3", conversation_id="both")
    assert len(client.conversations.items.list("both").data) == 5


def test_items_as_messages(api: Api, client: OpenAI) -> None:
    made = client.conversations.create(items=[USER, CALL, OUTPUT, SAID])
    shown = api.get(f"/conversations/{made.id}/messages").json()["data"]
    assert [(m["role"], m["content"]) for m in shown] == [
        ("user", "hi"),
        ("assistant", None),
        ("tool", "42"),
        ("assistant", "hello"),
    ]
    assert shown[1]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a": 1.10}'}
    assert shown[2]["tool_call_id"] == "call_1"
    assert all("kind" not in m for m in shown)
    assert all(m["token_count"] > 0 for m in shown)


def test_an_output_without_its_call_is_kept_apart(api: Api, client: OpenAI) -> None:
    stray = OUTPUT | {"call_id": "call_9"}
    made = client.conversations.create(items=[CALL, stray, OUTPUT, OUTPUT])
    items = client.conversations.items.list(made.id, order="asc")
    assert plain(items) == [CALL, stray, OUTPUT, OUTPUT]
    shown = api.get(f"/conversations/{made.id}/messages").json()["data"]
    assert [m.get("kind") for m in shown] == [None, "function_call_output", None, "function_call_output"]  # fmt: skip


@pytest.mark.parametrize(
    ("items", "param"),
    [
        ([], "items"),
        ([USER] * 21, "items"),
        ([5], "items[0]"),
        ([{}], "items[0].role"),
        ([{"type": 5}], "items[0].type"),
        ([{"type": "x" * 65}], "items[0].type"),
        ([USER, {"type": "message", "role": "tool", "content": "x"}], "items[1].role"),
        ([{"role": "user"}], "items[0].content"),
        ([{"role": "user", "content": [{"type": "input_text"}, 5]}], "items[0].content[1]"),
        ([OUTPUT | {"output": 5}], "items[0].output"),
        ([CALL | {"call_id": "x" * 256}], "items[0].call_id"),
        ([{"type": "item_reference", "id": "x"}], "items[0].type"),
    ],
)
def test_items_that_cannot_be(api: Api, client: OpenAI, items: list[Any], param: str) -> None:
    made = client.conversations.create()
    head = api.head()
    with pytest.raises(BadRequestError) as refusal:
        client.conversations.items.create(made.id, items=items)
    assert (refusal.value.param, refusal.value.type) == (param, "invalid_request_error")
    assert api.head() == head


@pytest.mark.parametrize("number", ["1e999", "-1e999", f"{10**400}.0"])
def test_numbers_that_no_float_holds(api: Api, number: str) -> None:
    """In any place of an item: refused, or kept as it came; not a fault of ours."""
    made = at(api, "POST", "/conversations", json={}).json()["id"]
    for item in (USER, SAID, CALL, OUTPUT, THOUGHT):
        for name in item:
            text = json.dumps({"items": [item | {name: "@@@"}]}).replace('"@@@"', number)
            kind = {"content-type": "application/json"}
            answer = at(api, "POST", f"/conversations/{made}/items", content=text, headers=kind)
            assert answer.status_code in {200, 400}, (name, answer.text)


def test_extra_of_a_caller_s_own_harms_nothing(api: Api, client: OpenAI) -> None:
    for number, odd in enumerate(("x", {"content": 5}, {"content": [5]}, {"id": "y", "type": "z"})):
        message = {"role": "user", "content": "hi", "extra": {"openai_item": odd}}
        custom = {"role": "assistant", "content": None, "tool_calls": [{"type": "custom", "id": "c", "custom": 5}]}  # fmt: skip
        api.post("/conversations", {"id": f"extra-{number}", "messages": [message, custom]})
        assert at(api, "GET", f"/conversations/extra-{number}/items").status_code == 200
