"""A list's page is the same whichever way it is found."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from eventstore.connect import connect
from projections import list_ways
from projections.conversations import Conversations
from projections.listing import COLUMNS, ListFilter, list_rows, list_statement, plans_of
from tests.servers import Database

START = datetime(2026, 1, 1, tzinfo=UTC)
FILTERS: list[dict[str, Any]] = [
    {"user_id": "u1"},
    {"user_id": "u1", "source": "api"},
    {"user_id": "u1", "created_after": START + timedelta(days=5)},
    {"created_after": START + timedelta(days=5), "created_before": START + timedelta(days=20)},
    {"updated_before": START + timedelta(days=15)},
    {"created_after": START + timedelta(days=5), "updated_before": START + timedelta(days=25)},
    {"created_after": START + timedelta(days=500)},
    {"updated_after": START + timedelta(days=500)},
    {"updated_after": START + timedelta(days=5), "source": "api"},
]


def filled(database: Database) -> list[dict[str, Any]]:
    """Many of equal place, so that ids must decide."""
    pick = random.Random(3)
    days = [START + timedelta(days=day) for day in range(30)]
    rows: list[dict[str, Any]] = [
        {
            "id": f"c{number}",
            "user_id": f"u{pick.randrange(3)}",
            "source": pick.choice(["api", "widget"]),
            "message_count": pick.randrange(4),
            "created_at": pick.choice(days),
            "updated_at": pick.choice(days),
            "active_at": pick.choice(days),
        }
        for number in range(90)
    ]
    with connect(database.service, name="test") as connection:
        Conversations().create(connection)
    names = list(rows[0])
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.cursor().executemany(
            "INSERT INTO readmodels.conversations_v1 (workspace, version, status, metadata, resource, state,"
            f" {', '.join(names)}) VALUES ('w', 1, 'active', '{{}}', '{{}}', '{{}}',"
            f" {', '.join(f'%({name})s' for name in names)})",
            rows,
        )
    return rows


def fits(row: dict[str, Any], given: dict[str, Any]) -> bool:
    for name, value in given.items():
        column, _, end = name.rpartition("_")
        if end == "after" and not row[f"{column}_at"] > value:
            return False
        if end == "before" and not row[f"{column}_at"] < value:
            return False
        if end not in ("after", "before") and row[name] != value:
            return False
    return True


@pytest.mark.parametrize(
    "bounds", [(0, 0, 0), (0, 0, 1_000), (0, 1_000, 0), (20, 20, 20), (1_000, 0, 0)]
)
@pytest.mark.parametrize("short", [0, 1_000])
def test_pages_are_those_of_a_plain_sort(
    database: Database, monkeypatch: pytest.MonkeyPatch, bounds: tuple[int, int, int], short: int
) -> None:
    """The bounds decide which way is taken, so they are set to either side of all, and between."""
    for name, bound in zip(("FEW", "NEAR", "MANY"), bounds, strict=True):
        monkeypatch.setattr(list_ways, name, bound)
    monkeypatch.setattr(list_ways, "SHORT", short)
    rows = filled(database)
    with connect(database.service, name="test") as connection:
        for given in FILTERS:
            for sort, (column, _) in COLUMNS.items():
                for order in ("asc", "desc"):
                    wanted = msgspec.convert(
                        {"statuses": ("active",), "sort_by": sort, "order": order} | given,
                        ListFilter,
                    )
                    matching = [row for row in rows if fits(row, given)]
                    matching.sort(key=lambda r: (r[column], r["id"]), reverse=order == "desc")
                    found: list[str] = []
                    after = None
                    while True:
                        statement, values = list_statement("w", wanted, after, 7)
                        row = connection.execute(statement, values).fetchone()
                        assert row is not None
                        page = list_rows(row).places
                        if not page:
                            break
                        found += [name for _, name in page]
                        after = page[-1]
                    assert found == [row["id"] for row in matching], (given, sort, order)


@pytest.mark.parametrize(
    ("given", "several"),
    [
        ({}, False),
        ({"user_id": "u"}, False),
        ({"user_id": "u", "updated_after": START}, False),
        ({"user_id": "u", "sort_by": "last_message_at"}, False),
        ({"created_after": START}, False),
        ({"created_after": START, "sort_by": "message_count"}, True),
        ({"updated_after": START}, True),
        ({"source": "api", "metadata": {"a": "b"}}, False),
    ],
)
def test_several_ways_only_where_one_index_narrows_and_another_sorts(given: Any, several: bool):
    wanted = ListFilter(**({"statuses": ("active",), "sort_by": "created_at"} | given))
    statement, _ = list_statement("w", wanted, None, 7)
    assert (b"near" in statement) is several


@pytest.mark.parametrize(
    ("given", "plans"),
    [
        ({}, "auto"),
        ({"assistant_id": "a"}, "auto"),
        ({"metadata": {"a": "b"}}, "force_custom_plan"),
    ],
)
def test_only_metadata_is_planned_for_its_values(given: Any, plans: str):
    assert plans_of(ListFilter(("active",), **given)) == plans
