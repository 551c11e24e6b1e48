"""Workspaces never meet: every route with another workspace's ids, taken from the document of the running service.

A new route is covered by itself; one that takes an id in a way that is unknown here fails the test.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from tests.services.support import Api, new_key

SECRET = "canary-c0ffee"
THEIRS, THEIR_MESSAGE, THEIR_USER = "theirs", "theirs-1", "their-user"
KNOWN = {"conversation_id", "message_id", "user_id", "item_id"}


class Route(NamedTuple):
    method: str
    path: str
    scope: str
    body: Any
    required: list[str]
    """Query parameters."""

    def ask(self, api: Api, conversation: str, message: str, user: str) -> httpx.Response:
        names = {
            "conversation_id": conversation,
            "message_id": message,
            "item_id": message,
            "user_id": user,
        }
        path = self.path.format(**names)
        headers = {} if self.body is None else {"Content-Type": "application/json"}
        return api.client.request(
            self.method,
            httpx.URL(api.address).join(path),
            params=dict.fromkeys(self.required, SECRET),
            content=None if self.body is None else json.dumps(self.body),
            headers=headers,
        )


@pytest.fixture(scope="module")
def routes(api: Api) -> list[Route]:
    document = httpx.get(f"{api.address}/schema/openapi.json", timeout=60).json()
    found: list[Route] = []
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            if "x-required-scope" not in told:
                assert told["security"] == [], f"{method} {path} names no scope"
                continue
            content = told.get("requestBody", {}).get("content", {})
            body = content.get("application/json", {}).get("example")
            if told.get("requestBody", {}).get("required"):
                assert body is not None, f"{method} {path} has no example to send"
            required = [
                p["name"] for p in told["parameters"] if p["in"] == "query" and p["required"]
            ]
            found.append(Route(method.upper(), path, told["x-required-scope"], body, required))
    assert len(found) >= 15
    return found


@pytest.fixture(scope="module")
def rival(api: Api) -> Iterator[Api]:
    """Another workspace, with something to hide."""
    with api.as_workspace("rival") as other:
        other.start(
            THEIRS,
            title=SECRET,
            user_id=THEIR_USER,
            assistant_id=SECRET,
            metadata={"key": SECRET},
        )
        messages = [
            {"id": f"theirs-{n}", "role": "user", "content": f"{SECRET} {n}"} for n in (1, 2, 3)
        ]
        answer = other.post(f"/conversations/{THEIRS}/messages/batch", {"messages": messages})
        assert answer.status_code == 201
        yield other


def standing(rival: Api) -> tuple[Any, Any]:
    one = rival.get(f"/conversations/{THEIRS}").json()
    return one, rival.get("/conversations?status=all").json()["data"]


def plain(answer: httpx.Response) -> tuple[int, Any, list[str]]:
    """Status, body and names of headers, without what differs between any two answers."""
    body = answer.text.replace(answer.headers["x-request-id"], "…")
    return answer.status_code, body, sorted(answer.headers)


def test_an_id_of_another_workspace_is_like_one_that_is_not(
    api: Api, rival: Api, routes: list[Route]
) -> None:
    before = standing(rival)
    asked = 0
    for route in routes:
        names = {part[1:-1] for part in route.path.split("/") if part.startswith("{")}
        assert names <= KNOWN, f"{route.path}: say here what these ids are"
        if not names:
            continue
        asked += 1
        theirs = route.ask(api, THEIRS, THEIR_MESSAGE, THEIR_USER)
        nobody = route.ask(api, "nowhere", "nothing", "nobody")
        place = f"{route.method} {route.path}"
        assert SECRET not in theirs.text + str(theirs.headers), place
        if "conversation_id" in names:
            assert theirs.status_code == 404, f"{place}: {theirs.status_code} {theirs.text}"
            assert plain(theirs) == plain(nobody), place
        else:
            assert theirs.status_code in (200, 404), place
    assert asked >= 9
    assert standing(rival) == before


def test_a_message_of_another_conversation_is_not_found(
    api: Api, rival: Api, routes: list[Route]
) -> None:
    """A nested id does not open what its parent hides."""
    api.start("ours", "x")
    for route in routes:
        if "{message_id}" in route.path or "{item_id}" in route.path:
            answer = route.ask(api, "ours", THEIR_MESSAGE, THEIR_USER)
            assert answer.status_code == 404, f"{route.method} {route.path}: {answer.text}"
            assert SECRET not in answer.text


def test_what_lists_shows_nothing_of_others(api: Api, rival: Api, routes: list[Route]) -> None:
    for route in routes:
        if route.method == "GET":
            answer = route.ask(api, THEIRS, THEIR_MESSAGE, THEIR_USER)
            body = answer.text.replace(f'"q":"{SECRET}"', "")
            assert SECRET not in body, f"{route.path}: {body[:300]}"
            assert THEIRS not in body.replace(THEIR_USER, "")
    with api.as_workspace("third") as third:
        assert third.get("/conversations?status=all").json()["data"] == []
        found = third.get(f"/conversations/search?q={SECRET}").json()
        assert (found["data"], found["has_more"]) == ([], False)
        stats = third.get("/conversations/stats").json()["data"]
        assert (stats["total_conversations"], stats["total_messages"]) == (0, 0)


def test_ids_in_a_body(api: Api, rival: Api) -> None:
    before = standing(rival)
    for action in ("archive", "delete", "restore", "unarchive"):
        body = {"action": action, "conversation_ids": [THEIRS, "nowhere"]}
        result = api.post("/conversations/bulk", body).json()["data"]
        assert (result["updated"], result["failed"]) == (0, 2)
        assert len({(e["type"], e["message"]) for e in result["errors"]}) == 1
    assert standing(rival) == before
    # The same id is free in each workspace.
    assert api.post("/conversations", {"id": THEIRS}).status_code == 201
    assert api.get(f"/conversations/{THEIRS}").json()["data"]["message_count"] == 0
    assert api.delete(f"/conversations/{THEIRS}").status_code == 200
    assert standing(rival) == before


def test_cursors_and_keys_of_another_workspace(api: Api, rival: Api) -> None:
    rival.start("theirs-too")
    cursor = rival.get("/conversations?limit=1").json()["next_cursor"]
    assert api.get(f"/conversations?limit=1&cursor={cursor}").status_code == 400
    messages = f"/conversations/{THEIRS}/messages?limit=1"
    cursor = rival.get(messages).json()["next_cursor"]
    api.start("mine", "a", "b")
    answer = api.get(f"/conversations/mine/messages?limit=1&cursor={cursor}")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_cursor"
    once = {"Idempotency-Key": "shared"}
    first = rival.post("/conversations", {"id": "once", "title": SECRET}, headers=once)
    second = api.post("/conversations", {"id": "once", "title": SECRET}, headers=once)
    assert (first.status_code, second.status_code) == (201, 201)
    assert "idempotent-replayed" not in second.headers


def test_every_route_wants_a_key_with_its_scope(api: Api, routes: list[Route]) -> None:
    scopes = {"read", "write", "export"}
    assert {route.scope for route in routes} <= scopes
    lacking = {
        scope: new_key(api.database.service, scopes=tuple(scopes - {scope}), unlimited=True)
        for scope in scopes
    }
    with httpx.Client(base_url=api.address) as http:
        for route in routes:
            place = f"{route.method} {route.path}"
            path = route.path.format(**dict.fromkeys(KNOWN, "x"))
            answer = http.request(route.method, path)
            assert answer.status_code == 401, place
            header = {"Authorization": f"Bearer {lacking[route.scope]}"}
            answer = http.request(route.method, path, headers=header)
            assert answer.status_code == 403, f"{place}: {answer.status_code}"
            assert answer.json()["error"]["code"] == "missing_scope", place
