"""Lists of conversations: every filter, every order, every page, against what each conversation says of itself."""

import itertools
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.services.query.support import everything
from tests.services.support import Api, refused, serving

START = datetime.fromisoformat("2026-01-01T00:00:00Z")
SORTS = ("last_message_at", "created_at", "updated_at", "message_count")
Shown = dict[str, Any]


@pytest.fixture(scope="module")
def acme(api: Api) -> Iterator[Api]:
    """A workspace of its own."""
    with api.as_workspace("lists") as other:
        yield other


@pytest.fixture(scope="module")
def shown(acme: Api) -> list[Shown]:
    """Forty conversations, as each is answered alone."""
    chance = random.Random(4)
    names = [f"c{n:02}" for n in range(40)]
    for name in chance.sample(names, len(names)):
        started = START + timedelta(hours=chance.randrange(20))  # many at the same time
        body: dict[str, Any] = {
            "id": name,
            "created_at": started.isoformat(),
            "assistant_id": chance.choice(["helper", "poet", None]),
            "user_id": chance.choice(["u1", "u2", None]),
            "source": chance.choice(["api", "widget", "playground"]),
            "metadata": chance.choice([{}, {"team": "a"}, {"team": "a", "x y": "ñ=&"}, {"team": ""}]),
            "messages": [
                {
                    "role": "user",
                    "content": "x",
                    "created_at": (started + timedelta(hours=chance.randrange(9))).isoformat(),
                }
                for _ in range(chance.randrange(3))
            ],
        }  # fmt: skip
        assert acme.post("/conversations", body).status_code == 201
    for name in chance.sample(names, 8):
        acme.patch(f"/conversations/{name}", {"status": "archived"})
    for name in chance.sample(names, 5):
        acme.delete(f"/conversations/{name}")
    path = "/conversations/{}?include_messages=false&include_deleted=true"
    return [acme.get(path.format(name)).json()["data"] for name in names]


def key_of(one: Shown, sort_by: str) -> tuple[Any, str]:
    """A conversation without messages stands where it was created."""
    if sort_by == "message_count":
        return one["message_count"], one["id"]
    return moment(one[sort_by] or one["created_at"]), one["id"]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def expected(
    shown: list[Shown], sort_by: str, order: str, wanted: Callable[[Shown], bool]
) -> list[str]:
    kept = [one for one in shown if wanted(one)]
    kept.sort(key=lambda one: key_of(one, sort_by), reverse=order == "desc")
    return [one["id"] for one in kept]


def standing(one: Shown) -> bool:
    return one["status"] != "deleted"


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort_by", SORTS)
@pytest.mark.parametrize("limit", [1, 7, 100])
def test_every_order_in_pages(
    acme: Api, shown: list[Shown], sort_by: str, order: str, limit: int
) -> None:
    found = everything(acme, "/conversations", sort_by=sort_by, order=order, limit=limit)
    assert [one["id"] for one in found] == expected(shown, sort_by, order, standing)
    by_name = {one["id"]: one for one in shown}
    assert found == [by_name[one["id"]] for one in found]


MIDDLE = (START + timedelta(hours=10)).isoformat()
FILTERS: dict[str, tuple[dict[str, str], Callable[[Shown], bool]]] = {
    "nothing": ({}, standing),
    "active": ({"status": "active"}, lambda one: one["status"] == "active"),
    "archived": ({"status": "archived"}, lambda one: one["status"] == "archived"),
    "deleted": ({"status": "deleted"}, lambda one: one["status"] == "deleted"),
    "all": ({"status": "all"}, lambda _: True),
    "assistant": ({"assistant_id": "poet"}, lambda o: standing(o) and o["assistant_id"] == "poet"),
    "user": ({"user_id": "u1"}, lambda o: standing(o) and o["user_id"] == "u1"),
    "source": ({"source": "widget"}, lambda o: standing(o) and o["source"] == "widget"),
    "created after": ({"created_after": MIDDLE}, lambda o: standing(o) and moment(o["created_at"]) > moment(MIDDLE)),
    "created before": ({"created_before": MIDDLE}, lambda o: standing(o) and moment(o["created_at"]) < moment(MIDDLE)),
    "metadata": ({"metadata[team]": "a"}, lambda o: standing(o) and o["metadata"].get("team") == "a"),
    "empty value": ({"metadata[team]": ""}, lambda o: standing(o) and o["metadata"].get("team") == ""),
    "two pairs": ({"metadata[x y]": "ñ=&", "metadata[team]": "a"}, lambda o: standing(o) and o["metadata"] == {"team": "a", "x y": "ñ=&"}),
    "no such pair": ({"metadata[team]": "A"}, lambda _: False),
    "a user that is no word for none": ({"user_id": "null"}, lambda _: False),
    "no such user": ({"user_id": "u1 "}, lambda _: False),
    "no such assistant": ({"assistant_id": "%"}, lambda _: False),
}  # fmt: skip


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_in_pages(acme: Api, shown: list[Shown], name: str) -> None:
    query, wanted = FILTERS[name]
    for sort_by, order in itertools.product(SORTS, ("asc", "desc")):
        found = everything(acme, "/conversations", **query, sort_by=sort_by, order=order, limit=4)
        assert [one["id"] for one in found] == expected(shown, sort_by, order, wanted)


def test_filters_by_the_time_of_the_last_change(acme: Api, shown: list[Shown]) -> None:
    changed = sorted(moment(one["updated_at"]) for one in shown)
    middle = changed[len(changed) // 2]
    for name, wanted in (
        ("updated_after", lambda o: standing(o) and moment(o["updated_at"]) > middle),
        ("updated_before", lambda o: standing(o) and moment(o["updated_at"]) < middle),
    ):
        found = everything(acme, "/conversations", **{name: middle.isoformat()}, limit=9)
        assert [o["id"] for o in found] == expected(shown, "last_message_at", "desc", wanted)


def test_filters_together(acme: Api, shown: list[Shown]) -> None:
    query = {"user_id": "u2", "source": "api", "status": "all", "created_after": MIDDLE}
    found = everything(acme, "/conversations", **query, sort_by="created_at", limit=3)
    assert [one["id"] for one in found] == expected(
        shown,
        "created_at",
        "desc",
        lambda o: (
            (o["user_id"], o["source"]) == ("u2", "api")
            and moment(o["created_at"]) > moment(MIDDLE)
        ),
    )


def test_twenty_unless_asked(acme: Api, shown: list[Shown]) -> None:
    page = acme.get("/conversations").json()
    assert [one["id"] for one in page["data"]] == (
        expected(shown, "last_message_at", "desc", standing)[:20]
    )
    assert page["has_more"] is True


def test_pages_stay_whole_while_others_write(api: Api) -> None:
    """What stood before and was left alone is seen exactly once, whatever comes and goes meanwhile."""
    with api.as_workspace("lists-moving") as mine:
        for number in range(30):
            mine.start(f"still{number:02}")
        seen: list[str] = []
        cursor = ""
        for round_number in range(100):
            page = mine.get(f"/conversations?limit=4&sort_by=created_at{cursor}").json()
            seen += [one["id"] for one in page["data"]]
            mine.start(f"new{round_number}")
            if seen:
                mine.post(f"/conversations/{seen[-1]}/messages", {"role": "user", "content": "x"})
            if round_number % 2:
                mine.delete(f"/conversations/new{round_number}")
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert [name for name in seen if name.startswith("still")] == [
            f"still{number:02}" for number in reversed(range(30))
        ]


def test_a_cursor_is_good_for_its_own_query_only(acme: Api, shown: list[Shown], api: Api) -> None:
    def cursor(query: str) -> str:
        return acme.get(f"/conversations?limit=2{query}").json()["next_cursor"]

    plain = cursor("")
    assert set(plain) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
    assert (
        acme.get(f"/conversations?limit=9&cursor={plain}").status_code == 200
    )  # the limit is free
    for other in (
        "&order=asc",
        "&sort_by=created_at",
        "&status=all",
        "&user_id=u1",
        "&assistant_id=poet",
        "&source=api",
        "&metadata[team]=a",
        "&created_after=2020-01-01T00:00:00Z",
        "&updated_before=2090-01-01T00:00:00Z",
    ):
        refused(acme.get(f"/conversations?cursor={plain}{other}"), 400, "invalid_cursor", "cursor")
    of_user = cursor("&status=all&sort_by=created_at")
    assert acme.get(f"/conversations?sort_by=created_at&status=all&cursor={of_user}").is_success
    refused(acme.get(f"/conversations?cursor={of_user}"), 400, "invalid_cursor", "cursor")
    refused(api.get(f"/conversations?cursor={plain}"), 400, "invalid_cursor", "cursor")


def test_the_order_of_metadata_filters_does_not_matter(acme: Api, shown: list[Shown]) -> None:
    first, second = "&metadata[team]=a", "&metadata[x%20y]=%C3%B1%3D%26"
    cursor = acme.get(f"/conversations?limit=1{first}{second}").json()["next_cursor"]
    assert cursor is not None
    assert acme.get(f"/conversations?limit=1{second}{first}&cursor={cursor}").status_code == 200


def test_altered_cursors(acme: Api, shown: list[Shown]) -> None:
    cursor = acme.get("/conversations?limit=2").json()["next_cursor"]
    flipped = [
        cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
        for at in range(0, len(cursor), 7)
    ]
    for bad in (*flipped, "", cursor[:-1], cursor + "A", cursor + "=", cursor + "%3D", "x" * 5_000):
        refused(acme.get(f"/conversations?cursor={bad}"), 400, "invalid_cursor", "cursor")


@pytest.mark.parametrize(
    "kind", ["created_after", "created_before", "updated_after", "updated_before"]
)
def test_times_at_the_ends_of_the_calendar(acme: Api, shown: list[Shown], kind: str) -> None:
    everyone = expected(shown, "last_message_at", "desc", standing)
    for edge in (
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.999999-14:00",
    ):
        answer = acme.get("/conversations", params={"limit": 100, kind: edge})
        assert answer.status_code == 200, answer.text
        inside = edge.startswith("0001") is kind.endswith("after")
        assert [o["id"] for o in answer.json()["data"]] == (everyone if inside else [])


def test_another_time_zone_of_the_server_changes_nothing(api: Api) -> None:
    """Times go back and forth as UTC, whatever the database's default is."""
    with api.as_workspace("lists-zones") as mine:
        for number, year in enumerate(("0001", "2024", "9999")):
            body = {"id": f"z{number}", "created_at": f"{year}-12-31T23:59:59Z"}
            assert mine.post("/conversations", body).status_code == 201
        assert len(mine.get("/conversations").json()["data"]) == 3
        with psycopg.connect(api.database.superuser, autocommit=True) as connection:
            name = api.database.name
            connection.execute(f"ALTER DATABASE {name} SET timezone TO 'Pacific/Kiritimati'")
            try:
                with serving(api.database.service) as address, mine.at(address) as far:
                    found = everything(far, "/conversations", limit=1)
                    assert [one["id"] for one in found] == ["z2", "z1", "z0"]
                    assert found[0]["created_at"] == "9999-12-31T23:59:59Z"
            finally:
                connection.execute(f"ALTER DATABASE {name} RESET timezone")
