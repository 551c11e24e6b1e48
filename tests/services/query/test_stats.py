"""Statistics over HTTP: the mission's object, its filters, its days, and what is refused."""

import json
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.query import stats_routes
from tests.services.support import Api, refused

FIELDS = [
    "total_conversations", "active_conversations", "archived_conversations", "deleted_conversations",
    "total_messages", "total_input_tokens", "total_output_tokens", "total_cost_cents",
    "conversations_by_source", "activity_by_day",
]  # fmt: skip
DAY = {"start_date": "2024-01-15", "end_date": "2024-01-15"}


def message(content: str = "hello", **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, "created_at": "2024-01-15T11:00:00Z", **more}


def stats(api: Api, **asked: str) -> dict[str, Any]:
    answer = api.get("/conversations/stats", params=asked)
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["x-projection-position"]) <= api.head()
    return answer.json()["data"]


@pytest.fixture
def apart(api: Api, request: pytest.FixtureRequest):
    """A workspace of the test's own."""
    name = request.node.name.replace("_", "-")[:32].rstrip("-")
    with api.as_workspace(name) as other:
        yield other


def test_it_is_the_missions_object(apart: Api) -> None:
    found = stats(apart, **DAY)
    assert list(found) == FIELDS
    assert found["conversations_by_source"] == {"api": 0, "widget": 0, "playground": 0}
    assert found["activity_by_day"] == [{"date": "2024-01-15", "conversations": 0, "messages": 0}]
    assert all(found[name] == 0 for name in FIELDS[:8])
    for number, source in enumerate(["api", "widget", "widget"]):
        body = {"id": f"c{number}", "source": source, "created_at": "2024-01-15T10:30:00Z"}
        assert (
            apart.post("/conversations", body | {"messages": [message(), message()]}).status_code
            == 201
        )
    apart.patch("/conversations/c1", {"status": "archived"})
    apart.delete("/conversations/c2")
    found = stats(apart, **DAY)
    assert [found[name] for name in FIELDS[:5]] == [3, 1, 1, 1, 6]
    assert found["conversations_by_source"] == {"api": 1, "widget": 2, "playground": 0}
    assert found["activity_by_day"] == [{"date": "2024-01-15", "conversations": 3, "messages": 6}]
    shown = [
        apart.get(f"/conversations/c{n}?include_deleted=true").json()["data"] for n in range(3)
    ]
    assert found["total_input_tokens"] == sum(one["total_input_tokens"] for one in shown) > 0
    apart.post("/conversations/c2/restore")
    assert stats(apart)["deleted_conversations"] == 0


def test_costs_are_exact(apart: Api) -> None:
    apart.start("c")
    for cost in ("0.1", "0.2", "0.000000000001"):
        body = json.dumps(message(role="assistant", output_tokens=7))
        sent = apart(
            "POST", "/conversations/c/messages", content=f'{body[:-1]},"cost_cents":{cost}}}'
        )
        assert sent.status_code == 201, sent.text
    answer = apart.get("/conversations/stats").text
    assert '"total_cost_cents":0.300000000001,' in answer
    assert '"total_output_tokens":21,' in answer


def test_filters(apart: Api) -> None:
    holders = [
        ("a1", "u1", "api"),
        ("a1", "u2", "widget"),
        ("a2", "u1", "api"),
        (None, None, "api"),
    ]
    for number, (assistant, user, source) in enumerate(holders):
        body = {"id": f"c{number}", "assistant_id": assistant, "user_id": user, "source": source}
        body["messages"] = [message()] * (number + 1)
        assert apart.post("/conversations", {k: v for k, v in body.items() if v}).status_code == 201
    for asked, conversations, messages in [
        ({}, 4, 10),
        ({"assistant_id": "a1"}, 2, 3),
        ({"user_id": "u1"}, 2, 4),
        ({"user_id": "u1", "assistant_id": "a2"}, 1, 3),
        ({"source": "api"}, 3, 8),
        ({"assistant_id": "a1", "source": "widget"}, 1, 2),
        ({"user_id": "u2", "source": "api"}, 0, 0),
        ({"user_id": "nobody"}, 0, 0),
    ]:
        found = stats(apart, **DAY, **asked)
        assert (found["total_conversations"], found["total_messages"]) == (conversations, messages)
        assert found["activity_by_day"][0]["messages"] == messages
        assert sum(found["conversations_by_source"].values()) == conversations


def test_totals_move_with_a_conversation_and_activity_stays(apart: Api) -> None:
    body = {"id": "c", "user_id": "before", "created_at": "2024-01-15T09:00:00Z"}
    apart.post("/conversations", body | {"messages": [message()]})
    apart.patch("/conversations/c", {"user_id": "after"})
    apart.post("/conversations/c/messages", message())
    before, after = (stats(apart, **DAY, user_id=user) for user in ("before", "after"))
    assert (before["total_conversations"], before["total_messages"]) == (0, 0)
    assert (after["total_conversations"], after["total_messages"]) == (1, 2)
    day = {"date": "2024-01-15"}
    assert before["activity_by_day"] == [day | {"conversations": 1, "messages": 1}]
    assert after["activity_by_day"] == [day | {"conversations": 0, "messages": 1}]


def test_days_are_those_of_the_zone(apart: Api) -> None:
    apart.start("c")
    for moment in ("2024-01-14T18:14:59.9Z", "2024-01-14T18:15:00Z", "2024-01-15T18:14:59Z"):
        apart.post("/conversations/c/messages", message(created_at=moment))
    asked = {"start_date": "2024-01-13", "end_date": "2024-01-16"}
    for zone, counts in [("UTC", [0, 2, 1, 0]), ("Asia/Kathmandu", [0, 1, 2, 0])]:
        days = stats(apart, **asked, timezone=zone)["activity_by_day"]
        assert [day["date"] for day in days] == [f"2024-01-{n}" for n in range(13, 17)]
        assert [day["messages"] for day in days] == counts


def test_the_last_thirty_days_without_dates(apart: Api) -> None:
    apart.start("c", "now")
    days = stats(apart)["activity_by_day"]
    today = datetime.now(UTC).date()
    assert len(days) == 30
    assert days[-1]["date"] in {str(today), str(today + timedelta(days=1))}
    assert sum(day["messages"] for day in days[-2:]) == 1
    assert len(stats(apart, end_date="2024-03-01")["activity_by_day"]) == 30
    assert stats(apart, end_date="2024-03-01")["activity_by_day"][0]["date"] == "2024-02-01"
    missing = stats(apart, start_date="2011-12-30", end_date="2011-12-30", timezone="Pacific/Apia")
    assert missing["activity_by_day"] == [{"date": "2011-12-30", "conversations": 0, "messages": 0}]


def test_a_write_is_counted_at_once(apart: Api) -> None:
    for number in range(20):
        apart.start(f"c{number}", "x")
        assert stats(apart)["total_messages"] == number + 1


def test_workspaces_do_not_meet(apart: Api, api: Api) -> None:
    before = stats(api)["total_conversations"]
    apart.start("c", "x")
    assert stats(api)["total_conversations"] == before


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ("timezone=Mars/Olympus", "timezone"),
        ("timezone=europe/berlin", "timezone"),
        ("timezone=", "timezone"),
        ("timezone=../../etc/passwd", "timezone"),
        ("timezone=posix/UTC", "timezone"),
        ("timezone=localtime", "timezone"),
        ("timezone=%2B01:00", "timezone"),
        ("timezone=America", "timezone"),
        ("timezone=%00", "timezone"),
        ("start_date=2024-02-30", "start_date"),
        ("start_date=yesterday", "start_date"),
        ("start_date=2024-01-01T00:00:00Z", "start_date"),
        ("start_date=", "start_date"),
        ("start_date=0000-01-01", "start_date"),
        ("start_date=0001-01-01&end_date=0001-01-02", "start_date"),
        ("start_date=9999-12-31", "start_date"),
        ("start_date=9999-12-01&end_date=9999-12-31", "start_date"),
        ("end_date=9999-12-31", "end_date"),
        ("end_date=0001-01-01", "end_date"),
        ("start_date=2024-01-02&end_date=2024-01-01", "end_date"),
        ("start_date=2900-01-01", "start_date"),
        ("start_date=2000-01-01&end_date=2024-01-01", "end_date"),
        ("user_id=", "user_id"),
        ("user_id=" + "x" * 256, "user_id"),
        ("assistant_id=%0a", "assistant_id"),
        ("source=fax", "source"),
        ("status=active", "status"),
        ("start_date=2024-01-01&start_date=2024-01-02", "start_date"),
    ],
)
def test_bad_input(api: Api, asked: str, param: str) -> None:
    refused(api.get(f"/conversations/stats?{asked}"), 400, param=param)


def test_a_near_name_is_offered(api: Api) -> None:
    error = refused(api.get("/conversations/stats?timezone=Europe/Berln"), 400)
    assert "Europe/Berlin" in error["message"]


@pytest.fixture
def no_zone_files() -> Iterator[None]:
    """As where PYTHONTZPATH is empty: no time zone file of the system's is seen."""

    def forget() -> None:
        ZoneInfo.clear_cache()
        stats_routes._zone_names.cache_clear()

    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(())
    forget()
    yield
    zoneinfo.reset_tzpath(before)
    forget()


@pytest.mark.usefixtures("no_zone_files")
def test_local_days_need_no_zone_files_of_the_system(apart: Api) -> None:
    apart.start("a", source="api")
    apart.post("/conversations/a/messages", message(created_at="2024-01-15T18:20:00Z"))
    for zone, day in (("Asia/Kathmandu", "2024-01-16"), ("America/St_Johns", "2024-01-15")):
        found = stats(apart, timezone=zone, start_date=day, end_date=day)
        assert found["activity_by_day"][0]["messages"] == 1, zone
    answer = apart.get("/conversations/stats", params={"timezone": "Asia/Katmandoo"})
    assert "did you mean Asia/Kat" in answer.json()["error"]["message"]
