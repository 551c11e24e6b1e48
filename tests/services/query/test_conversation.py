"""One conversation: as it stands, and as it stood."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.services.query.support import everything
from tests.services.support import Api, refused


def texts(shown: dict[str, Any]) -> list[str]:
    return [message["content"] for message in shown["messages"]]


@pytest.fixture(scope="module")
def long(api: Api) -> str:
    """Seven messages, 0 to 6."""
    api.start("long", *map(str, range(7)))
    return "long"


def test_the_newest_messages_oldest_first(api: Api, long: str) -> None:
    shown = api.get(f"/conversations/{long}").json()["data"]
    assert texts(shown) == list("0123456")
    assert (shown["has_more_messages"], shown["messages_cursor"]) == (False, None)
    shown = api.get(f"/conversations/{long}?message_limit=3").json()["data"]
    assert texts(shown) == list("456")
    assert shown["has_more_messages"] is True
    older = api.get(
        f"/conversations/{long}/messages?order=desc&limit=2&cursor={shown['messages_cursor']}"
    ).json()
    assert [m["content"] for m in older["data"]] == list("32")
    rest = api.get(
        f"/conversations/{long}/messages?order=desc&cursor={older['next_cursor']}"
    ).json()
    assert [m["content"] for m in rest["data"]] == list("10")
    exact = api.get(f"/conversations/{long}?message_limit=7").json()["data"]
    assert exact["has_more_messages"] is False


def test_fifty_unless_asked(api: Api) -> None:
    api.start("fifty", *map(str, range(51)))
    shown = api.get("/conversations/fifty").json()["data"]
    assert texts(shown) == [str(number) for number in range(1, 51)]
    assert shown["has_more_messages"] is True
    assert len(api.get("/conversations/fifty?message_limit=200").json()["data"]["messages"]) == 51


def test_without_messages(api: Api, long: str) -> None:
    shown = api.get(f"/conversations/{long}?include_messages=false").json()["data"]
    assert {"messages", "has_more_messages", "messages_cursor"}.isdisjoint(shown)
    assert shown["message_count"] == 7
    api.post("/conversations", {"id": "empty"})
    assert api.get("/conversations/empty").json()["data"]["messages"] == []


def test_the_cursor_of_its_messages_goes_on_in_its_messages_only(api: Api, long: str) -> None:
    cursor = api.get(f"/conversations/{long}?message_limit=1").json()["data"]["messages_cursor"]
    api.start("long-2", *"abc")
    for wrong in (
        f"/conversations/long-2/messages?order=desc&cursor={cursor}",
        f"/conversations/{long}/messages?cursor={cursor}",
        f"/conversations/{long}/messages?order=desc&role=user&cursor={cursor}",
        f"/conversations/{long}/messages?order=desc&pinned=false&cursor={cursor}",
        f"/conversations/{long}/events?cursor={cursor}",
        f"/conversations?cursor={cursor}",
    ):
        refused(api.get(wrong), 400, "invalid_cursor", "cursor")


def test_etag_and_position(api: Api, long: str) -> None:
    answer = api.get(f"/conversations/{long}")
    assert answer.headers["etag"] == f'"{answer.json()["data"]["version"]}"' == '"8"'
    assert int(answer.headers["x-projection-position"]) <= api.head()


def test_times_of_a_conversation(api: Api) -> None:
    """`updated_at` moves with every event, `last_message_at` is the latest `created_at` of a message."""
    late, early = "2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z"
    api.post("/conversations", {"id": "times", "created_at": "2026-01-01T00:00:00Z"})
    assert api.get("/conversations/times").json()["data"]["last_message_at"] is None
    before = datetime.fromisoformat("2026-01-01T00:00:00Z")
    for moment in (late, early):
        body = {"role": "user", "content": "x", "created_at": moment}
        api.post("/conversations/times/messages", body)
        shown = api.get("/conversations/times").json()["data"]
        assert shown["last_message_at"] == late
        assert datetime.fromisoformat(shown["updated_at"]) > before
        before = datetime.fromisoformat(shown["updated_at"])
    assert shown["created_at"] == "2026-01-01T00:00:00Z"
    api.patch("/conversations/times", {"metadata": {"a": "b"}})
    shown = api.get("/conversations/times").json()["data"]
    assert datetime.fromisoformat(shown["updated_at"]) > before


CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.fixture(scope="module")
def past(api: Api) -> list[dict[str, Any]]:
    """What was answered at each version of `past`, from 1 on, deletion and restoration last."""
    api.post("/conversations", {"id": "past", "title": "one", "metadata": {"a": "1"}})
    seen = [shown(api)]
    api.post("/conversations/past/messages", {"role": "user", "content": "first", "id": "m1"})
    seen.append(shown(api))
    api.patch("/conversations/past", {"title": None})
    seen.append(shown(api))
    api.patch("/conversations/past/messages/m1", {"is_pinned": True})
    seen.append(shown(api))
    api.post("/conversations/past/messages", {"role": "assistant", "tool_calls": [CALL]})
    seen.append(shown(api))
    api.patch("/conversations/past", {"status": "archived"})
    seen.append(shown(api))
    api.patch("/conversations/past/messages/m1", {"is_pinned": False})
    seen.append(shown(api))
    api.delete("/conversations/past")
    seen.append(shown(api))
    api.post("/conversations/past/restore")
    seen.append(shown(api))
    return seen


def shown(api: Api) -> dict[str, Any]:
    return api.get("/conversations/past?include_deleted=true").json()["data"]


def test_as_of_every_version(api: Api, past: list[dict[str, Any]]) -> None:
    assert [one["version"] for one in past] == list(range(1, 10))
    for one in past:
        answer = api.get(f"/conversations/past?include_deleted=true&as_of={one['version']}")
        assert answer.json()["data"] == one
        assert answer.headers["etag"] == f'"{one["version"]}"'
        assert "x-projection-position" in answer.headers
        bare = api.get(
            f"/conversations/past?include_deleted=true&include_messages=false&as_of={one['version']}"
        ).json()["data"]
        assert "messages" not in bare
    limited = api.get("/conversations/past?as_of=7&message_limit=1").json()["data"]
    assert limited["messages"] == past[6]["messages"][-1:]
    assert limited["has_more_messages"] is True
    older = api.get(
        f"/conversations/past/messages?order=desc&cursor={limited['messages_cursor']}"
    ).json()
    assert [message["id"] for message in older["data"]] == ["m1"]


def test_as_of_every_time(api: Api, past: list[dict[str, Any]]) -> None:
    """At the very moment of an event it has happened; just before, it has not."""
    for one, before in zip(past[1:], past, strict=False):
        moment = datetime.fromisoformat(one["updated_at"])
        for at, wanted in ((moment, one), (moment - timedelta(microseconds=1), before)):
            query = {"include_deleted": "true", "as_of": at.isoformat()}
            assert api.get("/conversations/past", params=query).json()["data"] == wanted
    first = datetime.fromisoformat(past[0]["updated_at"])
    query = {"as_of": (first - timedelta(microseconds=1)).isoformat()}
    refused(api.get("/conversations/past", params=query), 404, "conversation_not_found")


def test_as_of_a_time_when_it_was_deleted(api: Api, past: list[dict[str, Any]]) -> None:
    refused(api.get("/conversations/past?as_of=8"), 404, "conversation_not_found")
    assert api.get("/conversations/past?as_of=8&include_deleted=true").json()["data"] == past[7]
    api.start("past-gone", "x")
    api.delete("/conversations/past-gone")
    refused(api.get("/conversations/past-gone?as_of=1"), 404, "conversation_not_found")
    was = api.get("/conversations/past-gone?as_of=1&include_deleted=true").json()["data"]
    assert (was["status"], was["messages"]) == ("active", [])


@pytest.mark.parametrize(
    ("as_of", "code"),
    [
        ("0", "invalid_value"),
        ("-1", "invalid_value"),
        ("10", "invalid_value"),
        ("1.0", "invalid_value"),
        ("9" * 18, "invalid_value"),
        ("9" * 40, "invalid_value"),
        ("now", "invalid_value"),
        ("2026-01-01", "invalid_value"),
        ("2026-01-01T00:00:00", "invalid_value"),
        ("2999-01-01T00:00:00Z", "invalid_value"),
        ("9999-12-31T23:59:59-14:00", "invalid_value"),
        ("\u0661", "invalid_value"),
        ("", "invalid_value"),
        ("1\n", "invalid_characters"),
    ],
)
def test_as_of_nonsense(api: Api, past: list[dict[str, Any]], as_of: str, code: str) -> None:
    refused(api.get("/conversations/past", params={"as_of": as_of}), 400, code, "as_of")


def test_as_of_where_there_was_nothing(api: Api) -> None:
    refused(api.get("/conversations/nobody?as_of=1"), 404, "conversation_not_found")
    api.start("young")
    for moment in ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00%2B14:00", "2001-01-01T00:00:00Z"):
        refused(api.get(f"/conversations/young?as_of={moment}"), 404, "conversation_not_found")


def test_as_of_pages_through_a_long_log(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.query.history.PAGE", 3)
    api.start("paged", *map(str, range(10)))
    for version in range(1, 12):
        shown = api.get(f"/conversations/paged?as_of={version}&message_limit=4").json()["data"]
        assert (shown["version"], shown["message_count"]) == (version, version - 1)
        assert texts(shown) == [str(n) for n in range(version - 1)][-4:]


def test_a_deleted_one_is_shown_when_asked_for(api: Api) -> None:
    api.start("deleted", "x")
    api.delete("/conversations/deleted")
    refused(api.get("/conversations/deleted"), 404, "conversation_not_found")
    refused(api.get("/conversations/deleted?include_deleted=false"), 404)
    shown = api.get("/conversations/deleted?include_deleted=true").json()["data"]
    assert (shown["status"], texts(shown)) == ("deleted", ["x"])
    assert "deleted" not in {c["id"] for c in everything(api, "/conversations", limit=100)}
    assert "deleted" in {
        c["id"] for c in everything(api, "/conversations", limit=100, status="all")
    }
