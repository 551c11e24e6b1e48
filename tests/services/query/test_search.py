"""The search over HTTP: what is found, in which order, and what is shown of it."""

import pytest

from tests.services.query.searching import ids, search, shop
from tests.services.support import Api, refused

__all__ = ["shop"]


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


def test_a_message_of_a_megabyte_stops_nothing(api: Api) -> None:
    huge = " ".join(f"zebra{number}" for number in range(90_000))[:1_000_000]
    api.start("huge", huge, "a giraffe after it")
    [found] = search(api, "zebra17")
    assert found["id"] == "huge"
    assert found["matches"][0]["truncated"] is True
    assert ids(api, "giraffe") == ["huge"]
    assert ids(api, "zebra89999") == []


def test_it_waits_for_what_was_written(api: Api) -> None:
    for number in range(5):
        position = api.start(f"fresh-{number}", f"numbat{number}").headers["x-event-position"]
        answer = api.get(f"/conversations/search?q=numbat{number}")
        assert [found["id"] for found in answer.json()["data"]] == [f"fresh-{number}"]
        assert int(answer.headers["x-projection-position"]) >= int(position)
    refused(api.get("/conversations/search?q=x", headers={"X-Min-Position": "999999999"}), 400)
