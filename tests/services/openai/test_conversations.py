"""OpenAI's Conversations API, judged by the official client."""

from typing import Any

import pytest
from openai import AsyncOpenAI, ConflictError, NotFoundError, OpenAI

from tests.services.openai.items import CALL, OUTPUT, SAID, THOUGHT, USER, at, client
from tests.services.support import Api, refused

__all__ = ["client"]


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


async def test_the_asynchronous_client(api: Api) -> None:
    async with AsyncOpenAI(base_url=f"{api.address}/openai/v1", api_key=api.key) as client:
        made = await client.conversations.create(items=[USER])
        await client.conversations.items.create(made.id, items=[CALL, OUTPUT])
        types = [item.type async for item in client.conversations.items.list(made.id)]
    assert types == ["function_call_output", "function_call", "message"]


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
