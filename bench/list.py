"""Lists of conversations at 1,000,000 in one workspace against 1,000: `python -m bench.list [--short]`.

The very statements of the service, every filter and sort, first and last page; p95, and the index that serves it.
Markdown on standard output, progress on standard error.
"""

import argparse
import json
import re
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from bench.list_costs import costs
from bench.support import kept_server, machine, table, tell
from deploy.embedded.postgres import EmbeddedPostgres
from eventstore.connect import connect
from projections.conversations import Conversations
from projections.listing import ListFilter, Order, SortBy, list_statement, plans_of

Connection = psycopg.Connection[tuple[Any, ...]]

SMALL, LARGE = "thousand", "million"
LIVE = ("active", "archived")
PAGE = 21
"""Rows of a page of 20, and the one that tells whether there are more."""
RESOURCE = b'{"id":"conv","title":"%s"}' % (b"x" * 550)
MIDDLE = datetime(2025, 11, 1, tzinfo=UTC)
SORTS: tuple[SortBy, ...] = ("last_message_at", "created_at", "updated_at", "message_count")
ORDERS: tuple[Order, ...] = ("desc", "asc")
FILTERS: dict[str, dict[str, Any]] = {
    "none": {},
    "active": {"statuses": ("active",)},
    "deleted": {"statuses": ("deleted",)},
    "all statuses": {"statuses": (*LIVE, "deleted")},
    "source, common": {"source": "api"},
    "source, rare": {"source": "playground"},
    "assistant, common": {"assistant_id": "asst_0"},
    "assistant, unknown": {"assistant_id": "asst_none"},
    "user, common": {"user_id": "user_0"},
    "user, rare": {"user_id": "user_40000"},
    "user and source": {"user_id": "user_0", "source": "playground"},
    "metadata, common": {"metadata": {"tier": "free"}},
    "metadata, some": {"metadata": {"team": "team_900"}},
    "metadata, one": {"metadata": {"ticket": "T-500"}},
    "created in a month": {
        "created_after": MIDDLE,
        "created_before": MIDDLE + timedelta(days=30),
    },
    "updated in a day": {"updated_after": MIDDLE, "updated_before": MIDDLE + timedelta(days=1)},
    "assistant and metadata": {"assistant_id": "asst_3", "metadata": {"tier": "pro"}},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--short", action="store_true", help="100,000 conversations; marked as such"
    )
    parser.add_argument("--runs", type=int, default=20, help="of each statement")
    parser.add_argument("--keep", type=Path, help="where the filled database stays")
    parser.add_argument("--only", action="append", choices=list(FILTERS), help="may be repeated")
    parser.add_argument(
        "--costs", action="store_true", help="what the indexes cost the projection, nothing else"
    )
    given = parser.parse_args()
    large = 100_000 if given.short else 1_000_000
    started = time.monotonic()
    print(f"`python -m bench.list`{' **short**' if given.short else ''}: {machine()}\n")
    with ExitStack() as stack:
        path = given.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="verbatim-bench-"))
        )
        postgres = stack.enter_context(kept_server(path))
        if not (path / "filled").exists():
            _fill(postgres, large)
            (path / "filled").touch()
        if given.costs:
            costs(postgres.database_url, given.runs)
            return
        with connect(postgres.database_url, name="bench") as connection:
            rows = [
                _row(connection, name, sort, order, given.runs)
                for name in given.only or FILTERS
                for sort in SORTS
                for order in ORDERS
            ]
    print(
        f"p95 of {given.runs} runs, ms, of a page of 20; {large:,} conversations against 1,000.\n"
    )
    table(["filter", "sort", "order", "1,000", f"{large:,}", "ratio", "last page", "index"], rows)
    print(f"The whole run took {(time.monotonic() - started) / 60:.0f} minutes.")


def _fill(postgres: EmbeddedPostgres, large: int) -> None:
    statement = files("bench").joinpath("sql", "list_fill.sql").read_bytes()
    with connect(postgres.database_url, name="bench") as connection:
        Conversations().create(connection)
        for workspace, count in ((SMALL, 1_000), (LARGE, large)):
            tell(f" {count:,} conversations")
            values = {"workspace": workspace, "count": count, "resource": RESOURCE}
            connection.execute(statement, values)
        connection.execute("VACUUM ANALYZE readmodels.conversations_v1")


def _row(connection: Connection, name: str, sort: SortBy, order: Order, runs: int) -> list[str]:
    given: dict[str, Any] = {"statuses": LIVE} | FILTERS[name]
    wanted = ListFilter(**given, sort_by=sort, order=order)
    small = _p95(connection, SMALL, wanted, None, runs)
    first = _p95(connection, LARGE, wanted, None, runs)
    last = _p95(connection, LARGE, wanted, _near_the_end(connection, wanted), runs)
    index = _index(connection, wanted)
    tell(f"  {name}, {sort} {order}: {small:.1f} {first:.1f} {last:.1f} {index}")
    figures = [f"{small:.2f}", f"{first:.2f}", f"{first / small:.1f} ×", f"{last:.2f}"]
    return [name, sort, order, *figures, index]


def _p95(
    connection: Connection, workspace: str, wanted: ListFilter, after: Any, runs: int
) -> float:
    """In ms. A statement of seconds is run three times only."""
    statement, values = list_statement(workspace, wanted, after, PAGE)
    connection.execute(b"SET plan_cache_mode = " + plans_of(wanted).encode())
    took: list[float] = []
    for _ in range(runs):
        started = time.perf_counter()
        connection.cursor(binary=True).execute(statement, values, prepare=True).fetchall()
        took.append((time.perf_counter() - started) * 1_000)
        if len(took) >= 3 and sum(took) > 2_000:
            break
    took.sort()
    return took[min(len(took) - 1, int(len(took) * 0.95))]


def _near_the_end(connection: Connection, wanted: ListFilter) -> tuple[Any, str] | None:
    """The place before the last page: the last 20 rows of the list, by the opposite order."""
    opposite: Order = "asc" if wanted.order == "desc" else "desc"
    turned = msgspec.structs.replace(wanted, order=opposite)
    statement, values = list_statement(LARGE, turned, None, PAGE)
    row = connection.execute(statement, values).fetchone()
    assert row is not None
    places, names = row[4], row[5]
    return (places[-1], names[-1]) if places else None


def _index(connection: Connection, wanted: ListFilter) -> str:
    """Those that the plan uses on the table, without its prefix."""
    statement, values = list_statement(LARGE, wanted, None, PAGE)
    row = connection.execute(b"EXPLAIN (FORMAT JSON) " + statement, values).fetchone()
    assert row is not None
    found = re.findall(r'"Index Name": "conversations_v1_(\w+)"', json.dumps(row[0]))
    return ", ".join(dict.fromkeys(found)) or "none"


if __name__ == "__main__":
    main()
