"""The search: what it finds, how fast it is, and what indexing costs.

`python -m bench.search [--short] [--only PART] [--data FOLDER] [--keep FOLDER]`. Markdown on standard output, progress on
standard error. A million messages take minutes to fill; with `--keep` they are filled once.
"""

import argparse
import asyncio
import random
import tempfile
import time
from pathlib import Path

import psycopg

from bench.search_data import Language
from bench.search_quality import quality
from bench.search_speed import BUFFERS, cost, fill, report, speed
from bench.support import kept_server, machine, server, tell

PARTS = ["quality", "speed", "cost"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few minutes; marked as such")
    parser.add_argument("--only", choices=PARTS, action="append", help="may be given several times")
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="JSON lines of real conversations"
    )
    parser.add_argument("--keep", type=Path, help="where the filled databases stay")
    parser.add_argument(
        "--sizes", type=int, nargs="+", help="messages; default 10,000, 100,000, 1,000,000"
    )
    given = parser.parse_args()
    started = time.monotonic()
    print(f"`python -m bench.search`{' **short**' if given.short else ''}: {machine()}\n")
    for part in given.only or PARTS:
        match part:
            case "quality":
                with server() as postgres:
                    asyncio.run(quality(postgres, given.data, 60 if given.short else 300))
            case "speed":
                sizes = given.sizes or (
                    [10_000, 50_000] if given.short else [10_000, 100_000, 1_000_000]
                )
                _speed(sizes, given.keep, 20 if given.short else 60)
            case _:
                with server() as postgres:
                    language = Language(random.Random(7))
                    count = 20_000 if given.short else 60_000
                    cost(postgres.database_url, postgres.superuser_url, language, count)
    print(f"The whole run took {(time.monotonic() - started) / 60:.0f} minutes.")


def _speed(sizes: list[int], keep: Path | None, count: int) -> None:
    language = Language(random.Random(7))
    found: dict[int, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory(prefix="verbatim-bench-") as temporary:
        for size in sizes:
            path = (keep or Path(temporary)) / f"{size}"
            filled = path / "filled"
            with kept_server(path, shared_buffers=BUFFERS) as postgres:
                if not filled.exists():
                    tell(f"filling {size:,} messages")
                    fill(postgres.database_url, language, size)
                    with psycopg.connect(
                        postgres.superuser_url.rpartition("/")[0] + "/verbatim", autocommit=True
                    ) as connection:
                        connection.execute("VACUUM ANALYZE")
                    filled.touch()
                tell(f"asking {size:,} messages")
                found[size] = asyncio.run(speed(postgres.database_url, language, size, count))
    report(found)


if __name__ == "__main__":
    main()
