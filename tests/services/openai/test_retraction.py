"""A message that was retracted: gone from all that shows how things stand, kept by all that shows how they came about."""

import random
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.services.query.support import everything
from tests.services.support import Api, refused

WORD = "zanzibar"
"""Said by the retracted message alone."""


def retract(api: Api, conversation: str, message: str, **headers: str) -> httpx.Response:
    path = f"{api.address}/openai/v1/conversations/{conversation}/items/{message}"
    return api.client.delete(path, headers=headers)


def data(api: Api, path: str, **query: Any) -> Any:
    answer = api.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def texts(messages: list[dict[str, Any]]) -> list[Any]:
    return [message["content"] for message in messages]


@pytest.fixture(scope="module")
def told(api: Api) -> dict[str, Any]:
    """A conversation of three messages whose second is retracted; what stood before."""
    said = ["first", f"my secret is {WORD}", "third"]
    messages = [{"id": f"r{n}", "role": "user", "content": text} for n, text in enumerate(said)]
    api.post("/conversations", {"id": "told", "user_id": "teller", "messages": messages})
    api.patch("/conversations/told/messages/r1", {"is_pinned": True})
    before = {
        "conversation": data(api, "/conversations/told"),
        "context": data(api, "/conversations/told/context"),
    }
    assert [one["id"] for one in data(api, "/conversations/search", q=WORD)] == ["told"]
    answer = retract(api, "told", "r1")
    assert answer.status_code == 200, answer.text
    return before | {"answer": answer, "version": before["conversation"]["version"]}


def test_it_leaves_messages_and_counts(api: Api, told: dict[str, Any]) -> None:
    assert texts(data(api, "/conversations/told/messages")) == ["first", "third"]
    assert [m["sequence"] for m in data(api, "/conversations/told/messages")] == [1, 3]
    assert data(api, "/conversations/told/messages", pinned="true") == []
    shown = data(api, "/conversations/told")
    assert texts(shown["messages"]) == ["first", "third"]
    [listed] = data(api, "/conversations", user_id="teller")
    before = told["conversation"]
    for one in (shown, listed):
        assert one["message_count"] == 2
        assert one["version"] == told["version"] + 1
        assert one["updated_at"] > before["updated_at"]
        # What was used was used.
        same = ("total_input_tokens", "total_output_tokens", "total_cost_cents", "last_message_at")
        assert [one[name] for name in same] == [before[name] for name in same]
        assert one["context_tokens"] < before["context_tokens"]


def test_it_leaves_the_context(api: Api, told: dict[str, Any]) -> None:
    now = data(api, "/conversations/told/context")
    assert texts(now["messages"]) == ["first", "third"]
    assert now["token_count"] == data(api, "/conversations/told")["context_tokens"]
    assert now["sha256"] != told["context"]["sha256"]
    assert WORD not in str(data(api, "/conversations/told/context", format="anthropic"))


def test_it_leaves_search_and_its_counts(api: Api, told: dict[str, Any]) -> None:
    assert data(api, "/conversations/search", q=WORD) == []
    [found] = data(api, "/conversations/search", q="third", user_id="teller")
    assert found["message_count"] == 2
    assert data(api, "/conversations/search", q="third", user_id="teller", has_pinned="true") == []


def test_a_search_waits_for_it(api: Api) -> None:
    """As every read: what was retracted before it began is not found, at whichever process."""
    for number in range(10):
        word = f"quagga{number}"
        api.post("/conversations", {"id": word, "messages": [{"id": "q", "role": "user", "content": word}]})  # fmt: skip
        assert [one["id"] for one in data(api, "/conversations/search", q=word)] == [word]
        retract(api, word, "q")
        assert data(api, "/conversations/search", q=word) == []


def test_exports_show_it_among_the_events_only(api: Api, told: dict[str, Any]) -> None:
    for kind in ("json", "jsonl", "markdown"):
        for path in ("told/export", "export/user/teller"):
            answer = api.get(f"/conversations/{path}", params={"format": kind})
            assert answer.status_code == 200
            assert "first" in answer.text
            assert WORD not in answer.text
    audit = api.get("/conversations/told/export?include_events=true")
    assert audit.text.count(WORD) == 1


def test_the_events_keep_it(api: Api, told: dict[str, Any]) -> None:
    events = everything(api, "/conversations/told/events", limit=2)
    appended = [e for e in events if e["type"] == "verbatim.message_appended.v1"]
    assert [e["data"]["content"] for e in appended][1] == f"my secret is {WORD}"
    assert events[-1]["type"] == "verbatim.message_retracted.v1"
    assert events[-1]["data"]["message_id"] == "r1"


def test_the_past_still_shows_it(api: Api, told: dict[str, Any]) -> None:
    version = told["version"]
    then = data(api, "/conversations/told", as_of=version)
    assert then["messages"] == told["conversation"]["messages"]
    assert then["message_count"] == 3
    assert data(api, "/conversations/told/context", as_of=version) == told["context"]
    moment = told["conversation"]["updated_at"]
    assert data(api, "/conversations/told", as_of=moment)["message_count"] == 3
    now = data(api, "/conversations/told", as_of=version + 1)
    assert texts(now["messages"]) == ["first", "third"]
    assert now == data(api, "/conversations/told")


def test_it_cannot_be_written_to_any_more(api: Api, told: dict[str, Any]) -> None:
    before = api.head()
    for pinned in (True, False):
        answer = api.patch("/conversations/told/messages/r1", {"is_pinned": pinned})
        refused(answer, 404, "message_not_found")
    again = retract(api, "told", "r1")
    assert (again.status_code, again.json()) == (200, told["answer"].json())
    assert again.headers["x-event-position"] == told["answer"].headers["x-event-position"]
    same = {"id": "r1", "role": "user", "content": f"my secret is {WORD}"}
    for body in (same, same | {"content": "else"}):  # its id stays taken
        refused(api.post("/conversations/told/messages", body), 409, "already_exists", "id")
    assert api.head() == before


def test_who_may_retract(api: Api) -> None:
    api.post("/conversations", {"id": "kept", "messages": [{"id": "k", "role": "user", "content": "x"}]})  # fmt: skip
    before = api.head()
    refused(retract(api, "kept", "nope"), 404, "message_not_found")
    refused(retract(api, "nowhere", "k"), 404, "conversation_not_found")
    refused(retract(api, "kept", "k", **{"If-Match": '"1"'}), 412, "version_mismatch", "If-Match")
    with api.as_workspace("strangers") as strangers:
        refused(retract(strangers, "kept", "k"), 404, "conversation_not_found")
    with api.as_workspace("acme", scopes=("read",)) as reader:
        refused(retract(reader, "kept", "k"), 403, "missing_scope")
    assert api.head() == before
    api.delete("/conversations/kept")
    refused(retract(api, "kept", "k"), 409, "conversation_deleted")


@pytest.mark.parametrize("seed", range(3))
def test_any_history(api: Api, seed: int) -> None:
    """After each of many steps every way to read tells the same, and each step can be read again later."""
    chance = random.Random(seed)
    name = f"walk-{seed}"
    api.start(name, user_id=name)
    standing: dict[str, str] = {}
    pinned: set[str] = set()
    stood: dict[int, tuple[Any, Any]] = {}
    for step in range(14):
        pick = chance.random()
        if pick < 0.5 or not standing:
            texts_of = {f"s{step}-{n}": f"word{step}x{n}" for n in range(chance.randint(1, 3))}
            sent = [{"id": k, "role": "user", "content": v} for k, v in texts_of.items()]
            api.post(f"/conversations/{name}/messages/batch", {"messages": sent})
            standing |= texts_of
        elif pick < 0.65:
            message = chance.choice(list(standing))
            body = {"is_pinned": message not in pinned}
            api.patch(f"/conversations/{name}/messages/{message}", body)
            pinned ^= {message}
        else:
            message = chance.choice(list(standing))
            assert retract(api, name, message).status_code == 200
            text = standing.pop(message)
            pinned.discard(message)
            assert data(api, "/conversations/search", q=text, user_id=name) == []
        now = data(api, f"/conversations/{name}")
        context = data(api, f"/conversations/{name}/context")
        listed = everything(api, f"/conversations/{name}/messages", limit=3)
        assert {m["id"]: m["content"] for m in listed} == standing
        assert {m["id"] for m in listed if m["is_pinned"]} == pinned
        assert now["messages"] == listed
        assert now["message_count"] == len(standing)
        assert texts(context["messages"]) == list(standing.values())
        assert context["token_count"] == now["context_tokens"]
        stood[now["version"]] = (now, context)
    for version, (now, context) in stood.items():
        assert data(api, f"/conversations/{name}", as_of=version) == now
        assert data(api, f"/conversations/{name}", as_of=now["updated_at"]) == now
        if standing_then := texts(context["messages"]):
            assert data(api, f"/conversations/{name}/context", as_of=version) == context
            assert len(standing_then) == now["message_count"]
    for text in standing.values():
        path = f"/conversations/search?q={quote(text)}&user_id={name}"
        assert [one["id"] for one in api.get(path).json()["data"]] == [name]
