"""What may be asked of the search: filters, orders, pages, limits, and what is refused."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.services.query.searching import ids, search, shop
from tests.services.support import Api, refused

__all__ = ["shop"]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, {"late", "refund", "kettle"}),
        ({"user_id": "ada"}, {"late", "kettle"}),
        ({"assistant_id": "shop"}, {"late"}),
        ({"source": "widget"}, {"kettle"}),
        ({"metadata[team]": "red"}, {"late"}),
        ({"created_before": "2024-06-01T00:00:00Z"}, {"late"}),
        ({"created_after": "2024-06-01T00:00:00Z"}, {"refund", "kettle"}),
        ({"role": "assistant"}, {"refund"}),
        ({"role": "tool"}, set()),
        ({"min_messages": 3}, {"refund"}),
        ({"max_messages": 2}, {"late", "kettle"}),
        ({"max_messages": 1}, {"kettle"}),
        ({"min_tokens": 10_000}, set()),
        ({"max_tokens": 10_000}, {"late", "refund", "kettle"}),
        ({"has_pinned": "true"}, set()),
        ({"has_pinned": "false"}, {"late", "refund", "kettle"}),
        ({"search_in": "title"}, {"late", "kettle"}),
        ({"search_in": "messages"}, {"late", "refund", "kettle"}),
        ({"message_before": "2020-01-01T00:00:00Z"}, set()),
        ({"message_after": "2020-01-01T00:00:00Z"}, {"late", "refund", "kettle"}),
        ({"status": "archived"}, set()),
        ({"status": "all"}, {"late", "refund", "kettle"}),
    ],
)
def test_filters(shop: Api, params: dict[str, Any], found: set[str]) -> None:
    assert set(ids(shop, "parcel kettle", **params)) == found


def test_tokens_filter_by_what_was_used(shop: Api) -> None:
    used = shop.get("/conversations/refund").json()["data"]
    total = used["total_input_tokens"] + used["total_output_tokens"]
    assert "refund" in ids(shop, "kettle", min_tokens=total, max_tokens=total)
    assert "refund" not in ids(shop, "kettle", min_tokens=total + 1)
    assert "refund" not in ids(shop, "kettle", max_tokens=total - 1)


def test_other_orders(shop: Api) -> None:
    q = "parcel kettle"
    by_creation = ids(shop, q, sort_by="created_at", order="asc")
    assert by_creation == ["late", "refund", "kettle"]
    assert ids(shop, q, sort_by="created_at") == by_creation[::-1]
    assert ids(shop, q, sort_by="message_count")[0] == "refund"
    assert ids(shop, q, order="asc") == ids(shop, q)[::-1]


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("", "missing_field", "q"),
        ("q=", "invalid_value", "q"),
        (f"q={'x' * 257}", "invalid_value", "q"),
        ("q=a%00b", "invalid_characters", "q"),
        ("q=a%0Ab", "invalid_characters", "q"),
        ("q=a%C2%85b", "invalid_characters", "q"),
        ("q=%ff", "invalid_encoding", None),
        ("q=a&q=b", "repeated_parameter", "q"),
        ("q=a&sort_by=size", "invalid_value", "sort_by"),
        ("q=a&search_in=tags", "invalid_value", "search_in"),
        ("q=a&role=robot", "invalid_value", "role"),
        ("q=a&limit=0", "invalid_value", "limit"),
        ("q=a&min_messages=-1", "invalid_value", "min_messages"),
        ("q=a&min_tokens=99999999999999999999", "invalid_value", "min_tokens"),
        ("q=a&has_pinned=maybe", "invalid_value", "has_pinned"),
        ("q=a&message_after=0000-01-01T00:00:00Z", "invalid_value", "message_after"),
        ("q=a&message_after=2024-01-01T00:00:00", "invalid_value", "message_after"),
        ("q=a&cursor=abc", "invalid_cursor", "cursor"),
        ("q=a&colour=red", "unknown_parameter", "colour"),
    ],
)
def test_bad_parameters(api: Api, query: str, code: str, param: str | None) -> None:
    refused(api.get(f"/conversations/search?{query}"), 400, code, param)


def test_limits_of_what_is_allowed(api: Api) -> None:
    assert search(api, "x" * 256) == []
    assert search(api, "ф" * 256) == []
    api.start("ends", "an axolotl", created_at="9999-12-31T23:59:59Z")
    assert ids(api, "axolotl", created_after="9999-01-01T00:00:00Z") == ["ends"]
    assert ids(api, "axolotl", message_after="9999-12-31T23:59:59.999999Z") == []
    assert ids(api, "axolotl", min_messages=2**53) == []
    assert ids(api, quote("axolotl or") + " -" * 50 + " axolotl") == ["ends"]


def test_pages_do_not_overlap_while_the_workspace_changes(api: Api) -> None:
    with api.as_workspace("paging") as paging:
        for number in range(25):
            paging.start(f"page-{number}", *["a lynx"] * (1 + number % 3), title=f"number {number}")
        seen: list[str] = []
        cursor: str | None = None
        for turn in range(20):
            more = {"cursor": cursor} if cursor else {}
            answer = paging.get("/conversations/search", params={"q": "lynx", "limit": 4, **more})
            body = answer.json()
            seen += [found["id"] for found in body["data"]]
            cursor = body["next_cursor"]
            assert body["has_more"] == (cursor is not None)
            if cursor is None:
                break
            # what moves: how common the word is, and conversations that were shown already
            paging.start(f"new-{turn}", "a lynx", "lynx lynx", "something else")
            paging.post(f"/conversations/{seen[0]}/messages", {"role": "user", "content": "lynx!"})
        assert len(seen) == len(set(seen)) == 25
        refused(
            paging.get("/conversations/search", params={"q": "lynxes", "cursor": body["next_cursor"] or "x"}),
            400,
            "invalid_cursor",
        )  # fmt: skip


@pytest.mark.parametrize(
    "sort_by", ["relevance", "last_message_at", "created_at", "updated_at", "message_count"]
)
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_every_order_pages_through_all(api: Api, sort_by: str, order: str) -> None:
    with api.as_workspace("orders") as orders:
        if not ids(orders, "puffin"):
            for number in range(7):
                orders.start(f"o-{number}", *["a puffin flies"] * (1 + number % 3))
        params = {"sort_by": sort_by, "order": order}
        whole = ids(orders, "puffin", **params)
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            body = orders.get(
                "/conversations/search", params={"q": "puffin", "limit": 2, **params, **cursor}
            ).json()
            seen += [found["id"] for found in body["data"]]
            if not body["has_more"]:
                break
            cursor = {"cursor": body["next_cursor"]}
        assert seen == whole
        assert len(set(seen)) == 7


def test_a_search_costs_more_than_a_read(api: Api) -> None:
    with api.as_workspace("costs", unlimited=False) as costs:
        before = int(costs.get("/conversations").headers["x-ratelimit-remaining"])
        after = int(costs.get("/conversations/search?q=x").headers["x-ratelimit-remaining"])
        assert 3 <= before - after <= 5
