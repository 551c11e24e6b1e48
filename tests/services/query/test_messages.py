"""Lists of messages and of events."""

import itertools
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.services.query.support import everything
from tests.services.support import Api, refused

ROLES = ("system", "developer", "user", "assistant", "tool")
CALLS = [
    {"id": f"call_{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    for n in range(3)
]


@pytest.fixture(scope="module")
def talk(api: Api) -> list[dict[str, Any]]:
    """All roles several times, some pinned; as appended."""
    messages: list[dict[str, Any]] = []
    for turn in range(3):
        messages += [
            {"role": "system", "content": f"s{turn}"},
            {"role": "developer", "content": f"d{turn}"},
            {"role": "user", "content": f"u{turn}"},
            {"role": "assistant", "tool_calls": [CALLS[turn]]},
            {"role": "tool", "content": "4", "tool_call_id": f"call_{turn}"},
        ]
    api.post("/conversations", {"id": "talk"})
    made = api.post("/conversations/talk/messages/batch", {"messages": messages}).json()["data"]
    for message in made[1::4]:
        api.patch(f"/conversations/talk/messages/{message['id']}", {"is_pinned": True})
        message["is_pinned"] = True
    return made


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 4, 15, 200])
def test_every_message_once_in_order(
    api: Api, talk: list[dict[str, Any]], order: str, limit: int
) -> None:
    found = everything(api, "/conversations/talk/messages", order=order, limit=limit)
    assert found == (talk if order == "asc" else talk[::-1])


@pytest.mark.parametrize("role", ROLES)
def test_by_role_and_pin(api: Api, talk: list[dict[str, Any]], role: str) -> None:
    for pinned, order in itertools.product((None, True, False), ("asc", "desc")):
        query = {"role": role, "order": order, "limit": 2}
        more = {} if pinned is None else {"pinned": str(pinned).lower()}
        wanted = [
            m for m in talk if m["role"] == role and pinned in (None, m["is_pinned"])
        ]  # fmt: skip
        found = everything(api, "/conversations/talk/messages", **query, **more)
        assert found == (wanted if order == "asc" else wanted[::-1])


def test_fifty_oldest_first_unless_asked(api: Api) -> None:
    api.start("many", *map(str, range(60)))
    page = api.get("/conversations/many/messages").json()
    assert [m["content"] for m in page["data"]] == [str(n) for n in range(50)]
    assert [m["sequence"] for m in page["data"]] == list(range(1, 51))
    assert page["has_more"] is True


def test_pages_stay_whole_while_messages_come(api: Api) -> None:
    api.start("coming", *map(str, range(9)))
    seen: list[str] = []
    cursor = ""
    while True:
        page = api.get(f"/conversations/coming/messages?order=desc&limit=2{cursor}").json()
        seen += [m["content"] for m in page["data"]]
        api.post("/conversations/coming/messages", {"role": "user", "content": "new"})
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [str(n) for n in reversed(range(9))]


def test_headers(api: Api, talk: list[dict[str, Any]]) -> None:
    answer = api.get("/conversations/talk/messages")
    version = api.get("/conversations/talk").json()["data"]["version"]
    assert answer.headers["etag"] == f'"{version}"'
    assert "x-projection-position" in answer.headers


def test_events(api: Api, talk: list[dict[str, Any]]) -> None:
    version = api.get("/conversations/talk").json()["data"]["version"]
    found = everything(api, "/conversations/talk/events", limit=7)
    assert [int(event["version"]) for event in found] == list(range(1, version + 1))
    positions = [int(event["position"]) for event in found]
    assert positions == sorted(set(positions))
    assert {event["specversion"] for event in found} == {"1.0"}
    assert {event["subject"] for event in found} == {"talk"}
    assert found[0]["type"] == "verbatim.conversation_started.v1"
    assert found[3]["data"]["content"] == "u0"  # full data
    assert len({event["id"] for event in found}) == version
    for first in (1, 2, version, version + 1, 10_000):
        rest = everything(api, "/conversations/talk/events", limit=7, from_version=first)
        assert rest == found[first - 1 :]
    cursor = api.get("/conversations/talk/events?limit=3").json()["next_cursor"]
    other = f"/conversations/talk/events?from_version=2&cursor={cursor}"
    refused(api.get(other), 400, "invalid_cursor", "cursor")


def test_of_unknown_and_deleted_conversations(api: Api) -> None:
    api.start("away", "x")
    api.delete("/conversations/away")
    for name in ("nobody", "away"):
        for path in ("messages", "events"):
            answer = api.get(f"/conversations/{name}/{path}")
            refused(answer, 404, "conversation_not_found")


def sequences(api: Api, path: str, **query: Any) -> list[list[int]]:
    """By page."""
    found: list[list[int]] = []
    while True:
        page = api.get(f"{path}?{urlencode(query)}").json()
        found.append([message["sequence"] for message in page["data"]])
        if not page["has_more"]:
            return found
        query["cursor"] = page["next_cursor"]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("include_compacted", ["true", "false"])
def test_a_page_ends_early_where_it_would_be_too_large(
    api: Api, monkeypatch: pytest.MonkeyPatch, order: str, include_compacted: str
) -> None:
    """Not by its number of messages: by what they take."""
    monkeypatch.setattr("services.query.reads.PAGE_BYTES", 4_000)
    name = f"large-{order}-{include_compacted}"
    api.start(name, *(f"{number}" + "x" * 2_000 for number in range(5)))
    path = f"/conversations/{name}/messages"
    found = sequences(api, path, order=order, include_compacted=include_compacted)
    assert found == ([[1, 2], [3, 4], [5]] if order == "asc" else [[5, 4], [3, 2], [1]])


def test_a_page_of_events_ends_early_too(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.query.message_routes.PAGE_BYTES", 4_000)
    api.start("large-events", *("x" * 2_000 for _ in range(5)))
    versions: list[list[str]] = []
    query: dict[str, Any] = {"limit": 20}
    while True:
        page = api.get(f"/conversations/large-events/events?{urlencode(query)}").json()
        versions.append([event["version"] for event in page["data"]])
        if not page["has_more"]:
            break
        query["cursor"] = page["next_cursor"]
    assert versions == [["1", "2", "3"], ["4", "5"], ["6"]]


def test_newest_messages_that_are_too_large_together(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.query.reads.PAGE_BYTES", 4_000)
    api.start("large", *(f"{number}" + "x" * 2_000 for number in range(7)))
    found = api.get("/conversations/large").json()["data"]
    assert [message["sequence"] for message in found["messages"]] == [6, 7]
    assert found["has_more_messages"]
    rest = {"order": "desc", "cursor": found["messages_cursor"]}
    assert sequences(api, "/conversations/large/messages", **rest) == [[5, 4], [3, 2], [1]]
