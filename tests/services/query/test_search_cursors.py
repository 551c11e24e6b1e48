"""A search's cursor is good for its own query only."""

from typing import Any

import pytest

from tests.services.support import Api, refused

ASKED: dict[str, Any] = {"q": "wombat", "limit": 2}


@pytest.fixture(scope="module")
def cursor(api: Api) -> str:
    for number in range(5):
        api.start(f"wombat-{number}", "a wombat digs", user_id="ada", source="api")
    body = api.get("/conversations/search", params=ASKED).json()
    assert body["has_more"]
    return body["next_cursor"]


def test_it_goes_on_at_any_size(api: Api, cursor: str) -> None:
    answer = api.get("/conversations/search", params={**ASKED, "limit": 100, "cursor": cursor})
    assert len(answer.json()["data"]) == 3


@pytest.mark.parametrize(
    "other",
    [
        {"q": "wombats"},
        {"q": '"wombat"'},
        {"user_id": "ada"},
        {"status": "all"},
        {"source": "api"},
        {"sort_by": "created_at"},
        {"order": "asc"},
        {"search_in": "messages"},
        {"role": "user"},
        {"min_messages": 1},
        {"max_tokens": 10_000},
        {"has_pinned": "false"},
        {"message_after": "2020-01-01T00:00:00Z"},
        {"metadata[a]": "b"},
    ],
)
def test_of_another_query(api: Api, cursor: str, other: dict[str, Any]) -> None:
    answer = api.get("/conversations/search", params={**ASKED, "cursor": cursor, **other})
    refused(answer, 400, "invalid_cursor", "cursor")


def test_of_another_place(api: Api, cursor: str) -> None:
    with api.as_workspace("elsewhere") as other:
        answer = other.get("/conversations/search", params={**ASKED, "cursor": cursor})
        refused(answer, 400, "invalid_cursor", "cursor")
    refused(api.get(f"/conversations?cursor={cursor}"), 400, "invalid_cursor", "cursor")
    listed = api.get("/conversations?limit=1").json()["next_cursor"]
    answer = api.get("/conversations/search", params={**ASKED, "cursor": listed})
    refused(answer, 400, "invalid_cursor", "cursor")


@pytest.mark.parametrize("at", [0, 7, -1])
def test_altered(api: Api, cursor: str, at: int) -> None:
    other = "A" if cursor[at] != "A" else "B"
    altered = cursor[:at] + other + (cursor[at + 1 :] if at != -1 else "")
    for sent in (altered, cursor[:-3], cursor + "A", "A" * 4_000):
        answer = api.get("/conversations/search", params={**ASKED, "cursor": sent})
        refused(answer, 400, "invalid_cursor", "cursor")
