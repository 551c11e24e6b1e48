"""The log against its floor and the library's stock recorder: `python -m bench.eventstore [--short] [--only PART]`.

Appends at 1, 8, 32, 128 concurrent commands; replay; conversations of 10, 1,000, 100,000 messages; memory. Markdown on
standard output, progress on standard error.
"""

import argparse
import time

from bench import longstreams, memory, replaying
from bench.contestants import Floor, Ours, Stock
from bench.support import machine, median, ratio, rounds, server, table, tell
from deploy.embedded.postgres import EmbeddedPostgres

CONCURRENCIES = (1, 8, 32, 128)
PARTS = ["events", "keyed", "replay", "long", "memory"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few minutes; marked as such")
    parser.add_argument("--seconds", type=float, help="of each contestant in each round")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", choices=PARTS, action="append", help="may be given several times")
    given = parser.parse_args()
    seconds = given.seconds or (1.0 if given.short else 3.0)
    count = given.rounds or (3 if given.short else 7)
    started = time.monotonic()
    print(f"`python -m bench.eventstore`{' **short**' if given.short else ''}: {machine()}\n")
    for part in given.only or PARTS:
        with server() as postgres:
            match part:
                case "events" | "keyed":
                    appends(postgres, seconds, count, extras=part == "keyed")
                case "replay":
                    replaying.replay(postgres, 50_000 if given.short else 300_000, count)
                case "long":
                    longest = 10_000 if given.short else 100_000
                    longstreams.long_streams(postgres, (10, 1_000, longest), count)
                case _:
                    memory.flat(postgres, 100_000 if given.short else 1_000_000)
    print(f"The whole run took {(time.monotonic() - started) / 60:.0f} minutes.")


def appends(postgres: EmbeddedPostgres, seconds: float, count: int, *, extras: bool) -> None:
    """Durable appends a second of one 400-byte message a command."""
    indexes = "with key row and message-id index" if extras else "events only"
    tell(f"appends, {indexes}")
    floor = Floor(postgres.migrate_database_url, postgres.database_url, extras=extras)
    stock = Stock(postgres.migrate_database_url, extras=extras)
    ours = Ours(postgres.database_url, extras=extras)
    rows: list[list[str]] = []
    for concurrency in CONCURRENCIES:
        tell(f" {concurrency} at a time")
        figures = rounds(
            {
                "floor": lambda c=concurrency: floor.run(c, seconds),
                "stock": lambda c=concurrency: stock.run(c, seconds),
                "ours": lambda c=concurrency: ours.run(c, seconds),
            },
            count,
        )
        rows.append(
            [
                str(concurrency),
                *(f"{median(figures[name]):,.0f}" for name in ("floor", "stock", "ours")),
                f"{ratio(figures['ours'], figures['floor']):.2f} ×",
                f"{ratio(figures['ours'], figures['stock']):.1f} ×",
            ]
        )
    print(f"Appends a second, {indexes}; {count} rounds of {seconds:g} s, medians.\n")
    table(["concurrent", "floor", "stock", "ours", "ours / floor", "ours / stock"], rows)


if __name__ == "__main__":
    main()
