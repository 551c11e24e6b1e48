"""OpenAI's Conversations API, judged by the official client."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError, ConflictError, NotFoundError, OpenAI

from tests.services.support import Api, refused

USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
SAID = {
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "hello", "annotations": [], "logprobs": []}],
}
CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"a": 1.10}', "status": "completed"}  # fmt: skip
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "42", "status": "completed"}  # fmt: skip
THOUGHT = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "zz"}  # fmt: skip


@pytest.fixture(scope="module")
def client(api: Api) -> Iterator[OpenAI]:
    base_url = f"{api.address}/openai/v1"
    with OpenAI(base_url=base_url, api_key=api.key, _strict_response_validation=True) as made:
        yield made


def at(api: Api, method: str, path: str, **more: Any) -> Any:
    """The wire itself."""
    headers = {"Authorization": f"Bearer {api.key}"} | more.pop("headers", {})
    return api.client.request(method, f"{api.address}/openai/v1{path}", headers=headers, **more)


def plain(items: Any) -> list[dict[str, Any]]:
    """As the client shows them, without their ids."""
    return [
        {k: v for k, v in item.model_dump(exclude_unset=True).items() if k != "id"}
        for item in items
    ]


def test_a_conversation_s_life(api: Api, client: OpenAI) -> None:
    made = client.conversations.create(metadata={"team": "a"})
    assert made.id.startswith("conv_")
    assert made.object == "conversation"
    assert isinstance(made.created_at, int)
    assert made.metadata == {"team": "a"}
    assert client.conversations.retrieve(made.id) == made
    changed = client.conversations.update(made.id, metadata={"topic": "x"})
    assert changed.metadata == {"topic": "x"}
    assert client.conversations.update(made.id, metadata=None).metadata == {}
    gone = client.conversations.delete(made.id)
    assert gone.model_dump() == {"id": made.id, "object": "conversation.deleted", "deleted": True}
    assert client.conversations.delete(made.id) == gone
    with pytest.raises(NotFoundError):
        client.conversations.retrieve(made.id)
    with pytest.raises(NotFoundError):
        client.conversations.items.list(made.id)
    with pytest.raises(ConflictError) as refusal:
        client.conversations.items.create(made.id, items=[USER])
    assert refusal.value.code == "conversation_deleted"
    kept = api.get(f"/conversations/{made.id}?include_deleted=true").json()["data"]
    assert kept["status"] == "deleted"


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


def test_paging(client: OpenAI) -> None:
    made = client.conversations.create()
    for start in range(0, 45, 15):
        texts: list[Any] = [{"role": "user", "content": str(n)} for n in range(start, start + 15)]
        created = client.conversations.items.create(made.id, items=texts)
        assert (created.has_more, created.first_id) == (False, created.data[0].id)
        assert created.last_id == created.data[-1].id

    def texts_of(page: Any) -> list[str]:
        return [item.content[0].text for item in page]

    asc = client.conversations.items.list(made.id, order="asc", limit=7)
    assert len(asc.data) == 7
    assert asc.has_more
    assert texts_of(asc) == [str(n) for n in range(45)]  # the client goes on by itself
    assert texts_of(client.conversations.items.list(made.id)) == [str(n) for n in range(45)][::-1]
    after = asc.data[2].id
    rest = client.conversations.items.list(made.id, order="asc", after=after, limit=2)
    assert [item.content[0].text for item in rest.data] == ["3", "4"]
    last = client.conversations.items.list(made.id, order="desc", after=asc.data[0].id)
    assert (last.data, last.has_more) == ([], False)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_list_of_messages_that_fill_a_page_each(
    api: Api, client: OpenAI, monkeypatch: pytest.MonkeyPatch, order: Any
) -> None:
    """As where `VERBATIM_MAX_BODY_BYTES` lets messages be larger than a page."""
    calls = [
        {"id": name, "type": "function", "function": {"name": "f", "arguments": f'"{"x" * 2_000}"'}}
        for name in ("call_1", "call_2")
    ]
    messages = [
        {"role": "user", "content": "a" * 2_000},
        {"role": "assistant", "content": "Looking.", "tool_calls": calls},
        *({"role": "tool", "tool_call_id": call["id"], "content": "b" * 2_000} for call in calls),
        {"role": "user", "content": "c" * 2_000},
    ]
    name = f"fills-{order}"
    api.post("/conversations", {"id": name, "messages": messages})
    whole = client.conversations.items.list(name, order=order).data
    assert len(whole) == 7
    monkeypatch.setattr("services.query.reads.PAGE_BYTES", 1_000)
    for size in (1, 2, 20):
        assert [*client.conversations.items.list(name, order=order, limit=size)] == whole


def test_a_place_in_the_list_outlives_its_item(client: OpenAI) -> None:
    """As when a client deletes what it has read, page by page."""
    made = client.conversations.create(items=[{"role": "user", "content": str(n)} for n in range(5)])  # fmt: skip
    items = client.conversations.items.list(made.id, order="asc").data
    client.conversations.items.delete(items[1].id, conversation_id=made.id)
    rest = client.conversations.items.list(made.id, order="asc", after=items[1].id)
    assert [item.id for item in rest.data] == [item.id for item in items[2:]]


def test_a_deleted_item_stays_in_the_log_alone(api: Api, client: OpenAI) -> None:
    made = client.conversations.create(items=[USER, SAID])
    first, second = client.conversations.items.list(made.id, order="asc").data
    left = client.conversations.items.delete(first.id, conversation_id=made.id)
    assert (left.id, left.object) == (made.id, "conversation")
    assert client.conversations.items.delete(first.id, conversation_id=made.id) == left
    assert client.conversations.items.list(made.id).data == [second]
    with pytest.raises(NotFoundError):
        client.conversations.items.retrieve(first.id, conversation_id=made.id)
    (message,) = api.get(f"/conversations/{made.id}/messages").json()["data"]
    assert message["id"] == second.id
    events = api.get(f"/conversations/{made.id}/events").json()["data"]
    assert [e["type"] for e in events] == [
        "verbatim.conversation_started.v1",
        *["verbatim.message_appended.v1"] * 2,
        "verbatim.message_retracted.v1",
    ]


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


async def test_the_asynchronous_client(api: Api) -> None:
    async with AsyncOpenAI(base_url=f"{api.address}/openai/v1", api_key=api.key) as client:
        made = await client.conversations.create(items=[USER])
        await client.conversations.items.create(made.id, items=[CALL, OUTPUT])
        types = [item.type async for item in client.conversations.items.list(made.id)]
    assert types == ["function_call_output", "function_call", "message"]


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


def test_what_is_not_there(api: Api, client: OpenAI) -> None:
    made = client.conversations.create()
    with api.as_workspace("rivals") as rivals:
        for method, path in (
            ("GET", ""),
            ("POST", ""),
            ("DELETE", ""),
            ("GET", "/items"),
            ("GET", "/items/x"),
            ("DELETE", "/items/x"),
            ("POST", "/items"),
        ):
            body = {"items": [USER]} if path else {"metadata": {}}
            more = {"json": body} if method == "POST" else {}
            answer = at(rivals, method, f"/conversations/{made.id}{path}", **more)
            refused(answer, 404, "conversation_not_found")
    for path in ("/items/x", "/items/x.2", "/items/a b", "/items/.1", "/items?after=x"):
        refused(at(api, "GET", f"/conversations/{made.id}{path}"), 404, "message_not_found")
    refused(at(api, "GET", f"/conversations/{made.id}/items?limit=101"), 400, param="limit")
    refused(at(api, "GET", f"/conversations/{made.id}/items?order=up"), 400, param="order")
    refused(at(api, "POST", f"/conversations/{made.id}", json={}), 400, param="metadata")


def test_a_repeated_request_is_done_once(api: Api, client: OpenAI) -> None:
    made = client.conversations.create()
    key = {"Idempotency-Key": f"items of {made.id}"}
    path = f"/conversations/{made.id}/items"
    first = at(api, "POST", path, json={"items": [USER, THOUGHT]}, headers=key)
    again = at(api, "POST", path, json={"items": [USER, THOUGHT]}, headers=key)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["etag"] == first.headers["etag"]
    assert len(client.conversations.items.list(made.id).data) == 2
    refused(at(api, "POST", path, json={"items": [USER]}, headers=key), 422)


def test_extra_of_a_caller_s_own_harms_nothing(api: Api, client: OpenAI) -> None:
    for number, odd in enumerate(("x", {"content": 5}, {"content": [5]}, {"id": "y", "type": "z"})):
        message = {"role": "user", "content": "hi", "extra": {"openai_item": odd}}
        custom = {"role": "assistant", "content": None, "tool_calls": [{"type": "custom", "id": "c", "custom": 5}]}  # fmt: skip
        api.post("/conversations", {"id": f"extra-{number}", "messages": [message, custom]})
        assert at(api, "GET", f"/conversations/extra-{number}/items").status_code == 200
