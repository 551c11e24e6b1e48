"""How fast statistics are, and whether each day of each zone is right: `python -m bench.stats [--short] [--keep FOLDER]`.

The service's own statement and days, without HTTP, over the search benchmark's conversations; `--keep` shares its filled
databases. Markdown on standard output, progress on standard error.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg

from bench.search_data import START, Language, sizes, workspace_name
from bench.search_speed import BUFFERS, fill, quantiles
from bench.support import kept_server, machine, table, tell
from eventstore.reader import Connections
from projections.local_days import stretches
from projections.stats_reading import STATEMENT, StatsFilter, StatsQuery, StatsRows

ZONES = ("UTC", "Asia/Kathmandu", "Pacific/Chatham", "Australia/Lord_Howe", "America/St_Johns")
FIRST = START.date()
ALL = StatsFilter()
Asked = tuple[StatsFilter, date | None, int, str]
"""What is counted; the first day or None for no days, how many, and where."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="10,000 messages; marked as such")
    parser.add_argument("--keep", type=Path, help="where the filled databases stay")
    parser.add_argument("--runs", type=int, default=200, help="of each class")
    given = parser.parse_args()
    size = 10_000 if given.short else 1_000_000
    print(f"`python -m bench.stats`{' **short**' if given.short else ''}: {machine()}\n")
    with tempfile.TemporaryDirectory(prefix="verbatim-bench-") as temporary:
        path = (given.keep or Path(temporary)) / f"{size}"
        with kept_server(path, shared_buffers=BUFFERS) as postgres:
            if not (path / "filled").exists():
                tell(f"filling {size:,} messages")
                fill(postgres.database_url, Language(random.Random(7)), size)
                (path / "filled").touch()
            figures = asyncio.run(_ask(postgres.database_url, size, given.runs))
            print(f"{size:,} messages, the largest of 20 workspaces (45 %), {given.runs} runs.\n")
            table(["", "p50 / p95, ms"], [[name, quantiles(found)] for name, found in figures.items()])  # fmt: skip
            rows = asyncio.run(_wrong(postgres.database_url))
            table(["zone", "days with messages", "wrong"], rows)


async def _ask(dsn: str, size: int, runs: int) -> dict[str, list[float]]:
    chance = random.Random(5)
    users = sizes(size)[0] // 20

    def user() -> StatsFilter:
        return StatsFilter(user_id=f"user-{chance.randrange(users)}")

    def begin() -> date:
        return FIRST + timedelta(days=chance.randrange(30))

    classes: dict[str, Callable[[], Asked]] = {
        "totals": lambda: (ALL, None, 0, "UTC"),
        "totals of a user": lambda: (user(), None, 0, "UTC"),
        "30 days": lambda: (ALL, begin(), 30, "UTC"),
        "30 days, any zone": lambda: (ALL, begin(), 30, chance.choice(ZONES)),
        "30 days of a user, any zone": lambda: (user(), begin(), 30, chance.choice(ZONES)),
        "a year": lambda: (ALL, begin(), 365, "UTC"),
        "a year, any zone": lambda: (ALL, begin(), 365, chance.choice(ZONES)),
        "a year of an assistant": lambda: (StatsFilter(assistant_id=f"assistant-{chance.randrange(7)}"), begin(), 365, chance.choice(ZONES)),
        "a year of a user": lambda: (user(), begin(), 365, chance.choice(ZONES)),
        "ten years": lambda: (ALL, FIRST - timedelta(days=3_200), 3_650, chance.choice(ZONES)),
    }  # fmt: skip
    connections = Connections(dsn, name="bench", size=1)
    await connections.start()
    figures: dict[str, list[float]] = {}
    for name, make in classes.items():
        figures[name] = []
        for number in range(runs + 5):
            asked = make()
            started = time.perf_counter()
            await _rows(connections, asked)
            if number >= 5:
                figures[name].append((time.perf_counter() - started) * 1_000)
        tell(f"  {name}: {quantiles(figures[name])}")
    await connections.stop()
    return figures


async def _rows(connections: Connections, asked: Asked) -> StatsRows:
    wanted, first, days, zone = asked
    last = first + timedelta(days=days - 1) if first else None
    found = stretches(first, last, ZoneInfo(zone)) if first and last else []
    question = StatsQuery(workspace_name(0), wanted, found)
    return question.rows((await connections.fetch(STATEMENT, question.values))[0])


async def _wrong(dsn: str) -> list[list[str]]:
    """Each day's messages beside a plain count of them by PostgreSQL's own calendar."""
    connections = Connections(dsn, name="bench", size=1)
    await connections.start()
    rows: list[list[str]] = []
    for zone in ZONES:
        tell(f"  every day of {zone}")
        with psycopg.connect(dsn) as connection:
            plain: dict[date, int] = dict(
                connection.execute(
                    "SELECT (created_at AT TIME ZONE %s)::date, count(*) FROM readmodels.search_messages_v1"
                    " WHERE workspace = %s GROUP BY 1",
                    [zone, workspace_name(0)],
                ).fetchall()
            )
        first = min(plain)
        days = (max(plain) - first).days + 1
        told = (await _rows(connections, (ALL, first, days, zone))).activity
        wrong = sum(told.get(day, (0, 0))[1] != plain.get(day, 0) for day in {*plain, *told})
        rows.append([zone, f"{len(plain):,}", str(wrong)])
    await connections.stop()
    return rows


if __name__ == "__main__":
    main()
