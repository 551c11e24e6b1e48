"""The search over HTTP: what is found, in which order, and what is shown of it."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.services.support import Api, refused


@pytest.fixture(scope="module")
def shop(api: Api) -> Api:
    """A few conversations of one user, told apart by filters."""
    api.start(
        "late", "my parcel is late", "order A-1234 from May", title="Late parcel",
        user_id="ada", assistant_id="shop", metadata={"team": "red"}, created_at="2024-03-01T00:00:00Z",
    )  # fmt: skip
    api.start("refund", "I want a refund for the kettle", "the refund has not come", user_id="bob")
    api.post(
        "/conversations/refund/messages",
        {"role": "assistant", "content": "Your refunds are on their way, kettle included."},
    )
    api.start("kettle", "the kettle is broken", title="Kettles", source="widget", user_id="ada")
    api.start("weather", "it rains", "and the sun shines", user_id="ada")
    return api


def search(api: Api, q: str, **params: Any) -> list[dict[str, Any]]:
    answer = api.get("/conversations/search", params={"q": q, **params})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def ids(api: Api, q: str, **params: Any) -> list[str]:
    return [found["id"] for found in search(api, q, **params)]


def test_the_best_comes_first(shop: Api) -> None:
    assert ids(shop, "refund kettle") == ["refund", "kettle"]
    assert ids(shop, "kettles") == ["kettle", "refund"]  # the title has it too
    assert ids(shop, "a-1234") == ["late"]
    assert ids(shop, "When does the parcel come?") == ["late", "refund"]
    assert ids(shop, "nothing like it") == []


def test_a_conversation_is_shown_with_its_best_messages(shop: Api) -> None:
    [found] = search(shop, "parcel A-1234")
    assert found == shop.get("/conversations/late?include_messages=false").json()["data"] | {
        "score": found["score"],
        "matches": found["matches"],
    }
    assert found["score"] > 0
    [first, second] = found["matches"]
    assert first == {
        "message_id": first["message_id"],
        "sequence": 2,
        "role": "user",
        "snippet": "order A-1234 from May",
        "ranges": [[6, 12]],
        "truncated": False,
    }
    assert second["snippet"] == "my parcel is late"
    assert second["ranges"] == [[3, 9]]
    shown = search(shop, "parcel A-1234", highlight="false")[0]["matches"]
    assert [match["ranges"] for match in shown] == [[], []]


def test_at_most_three_messages_are_shown(shop: Api) -> None:
    shop.start("echo", *(f"echo number {number}" for number in range(10)))
    [found] = search(shop, "echo")
    assert len(found["matches"]) == 3


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ('"the kettle"', {"refund", "kettle"}),
        ('"kettle broken"', set()),
        ('"is late" kettle', {"late"}),
        ('"is late" or "is broken"', {"late", "kettle"}),
        (
            "kettle -refund",
            {"kettle"},
        ),  # in "refund", a message speaks of the kettle only with refunds
        ("parcel or kettle", {"late", "refund", "kettle"}),
        ("kett", {"refund", "kettle"}),
        ("reimb", set()),
        ("kettle -broken", {"refund", "kettle"}),
    ],
)
def test_quotes_minus_or_and_beginnings(shop: Api, q: str, found: set[str]) -> None:
    assert set(ids(shop, q)) == found


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


def test_what_changes_is_found_as_it_stands(api: Api) -> None:
    messages = api.start("changing", "an aardvark", "a wombat", title="Marsupials").json()["data"]
    assert messages["message_count"] == 2
    assert ids(api, "marsupial") == ["changing"]
    api.patch("/conversations/changing", {"title": "Animals"})
    assert ids(api, "marsupial") == []
    assert ids(api, "animals") == ["changing"]
    [found] = search(api, "wombat")
    message = found["matches"][0]["message_id"]
    api.patch(f"/conversations/changing/messages/{message}", {"is_pinned": True})
    assert ids(api, "aardvark", has_pinned="true") == ["changing"]
    assert ids(api, "aardvark", has_pinned="false") == []
    api.patch("/conversations/changing", {"user_id": "eve"})
    assert ids(api, "aardvark", user_id="eve") == ["changing"]
    api.patch("/conversations/changing", {"status": "archived"})
    assert ids(api, "aardvark") == ids(api, "aardvark", status="archived") == ["changing"]
    assert ids(api, "aardvark", status="active") == []
    api.delete("/conversations/changing")
    assert ids(api, "aardvark") == []
    assert ids(api, "aardvark", status="deleted") == ["changing"]
    api.post("/conversations/changing/restore")
    assert ids(api, "aardvark") == ["changing"]


def test_parts_tool_calls_and_names_are_searched(api: Api) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "cancel_booking", "arguments": '{"code": "QX77ZZ"}'}}  # fmt: skip
    api.post(
        "/conversations",
        {
            "id": "parts",
            "messages": [
                {"role": "user", "name": "Wilhelmina", "content": [
                    {"type": "text", "text": "see the attached ocelot"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORocelotine"}},
                ]},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c1", "content": "done\u0000capybara"},
            ],
        },
    )  # fmt: skip
    assert ids(api, "ocelot") == ids(api, "QX77ZZ") == ids(api, "cancel_booking") == ["parts"]
    assert ids(api, "wilhelmina") == ids(api, "capybara") == ["parts"]
    assert ids(api, "iVBORocelotine") == []
    [found] = search(api, "qx77zz")
    [match] = found["matches"]
    [[start, end]] = match["ranges"]
    assert match["snippet"][start:end] == "QX77ZZ"
    [found] = search(api, "capybara")
    assert "\u0000" not in found["matches"][0]["snippet"]


def test_workspaces_are_walled(api: Api) -> None:
    api.start("mine", "a secret pangolin", title="pangolin")
    with api.as_workspace("other-search") as other:
        assert ids(other, "pangolin") == []
        other.start("theirs", "pangolin pangolin")
        assert ids(other, "pangolin") == ids(other, "pang") == ["theirs"]
    assert ids(api, "pangolin") == ["mine"]


@pytest.mark.parametrize(
    "q", ["?!", "the of and", "  ", '""', "-kettle", "…", "-", "%00x"[3:] + "$"]
)
def test_junk_finds_nothing(shop: Api, q: str) -> None:
    assert search(shop, q) == []


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


def test_a_message_of_a_megabyte_stops_nothing(api: Api) -> None:
    huge = " ".join(f"zebra{number}" for number in range(90_000))[:1_000_000]
    api.start("huge", huge, "a giraffe after it")
    [found] = search(api, "zebra17")
    assert found["id"] == "huge"
    assert found["matches"][0]["truncated"] is True
    assert ids(api, "giraffe") == ["huge"]
    assert ids(api, "zebra89999") == []


def test_a_search_costs_more_than_a_read(api: Api) -> None:
    with api.as_workspace("costs", unlimited=False) as costs:
        before = int(costs.get("/conversations").headers["x-ratelimit-remaining"])
        after = int(costs.get("/conversations/search?q=x").headers["x-ratelimit-remaining"])
        assert 3 <= before - after <= 5


def test_it_waits_for_what_was_written(api: Api) -> None:
    for number in range(5):
        position = api.start(f"fresh-{number}", f"numbat{number}").headers["x-event-position"]
        answer = api.get(f"/conversations/search?q=numbat{number}")
        assert [found["id"] for found in answer.json()["data"]] == [f"fresh-{number}"]
        assert int(answer.headers["x-projection-position"]) >= int(position)
    refused(api.get("/conversations/search?q=x", headers={"X-Min-Position": "999999999"}), 400)
