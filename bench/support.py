"""What the benchmarks share: a server of their own, rounds, a table."""

import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psycopg

from deploy.embedded.folder import DataFolder
from deploy.embedded.nats import EmbeddedNats
from deploy.embedded.postgres import EmbeddedPostgres
from eventstore.connect import check_durability
from eventstore.migrate import migrate


@contextmanager
def server() -> Generator[EmbeddedPostgres]:
    """A migrated PostgreSQL with `verbatim dev`'s settings; fsync and synchronous_commit are asserted."""
    with (
        tempfile.TemporaryDirectory(prefix="verbatim-bench-") as path,
        kept_server(Path(path)) as postgres,
    ):
        yield postgres


@contextmanager
def kept_server(path: Path, **settings: str) -> Generator[EmbeddedPostgres]:
    """As `server`, on a folder that stays: filling it may take longer than asking."""
    path.mkdir(parents=True, exist_ok=True)
    folder = DataFolder(path)
    folder.acquire()
    postgres = EmbeddedPostgres(folder, settings={"max_connections": "300", **settings})
    postgres.start()
    try:
        migrate(postgres.migrate_database_url)
        with psycopg.connect(postgres.database_url, autocommit=True) as connection:
            check_durability(connection)
        yield postgres
    finally:
        postgres.stop()
        folder.release()


@contextmanager
def nats() -> Generator[EmbeddedNats]:
    """NATS with `verbatim dev`'s settings: JetStream's own default of when to sync."""
    with tempfile.TemporaryDirectory(prefix="verbatim-bench-") as path:
        folder = DataFolder(Path(path))
        folder.acquire()
        server = EmbeddedNats(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
            folder.release()


def tell(text: str) -> None:
    """Progress, beside the results."""
    print(text, file=sys.stderr, flush=True)


def machine() -> str:
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()},"
        f" Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"
    )


def table(header: list[str], rows: list[list[str]]) -> None:
    """A Markdown table."""
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def rounds(contestants: dict[str, Callable[[], float]], count: int) -> dict[str, list[float]]:
    """Each contestant in turn, `count` times: drifts of the machine hit all alike."""
    figures: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(count):
        for name, run in contestants.items():
            figures[name].append(run())
            tell(f"  round {number + 1}/{count} {name}: {figures[name][-1]:,.0f}")
    return figures


def median(figures: list[float]) -> float:
    return statistics.median(figures)


def ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of the ratios round by round."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


class Effort(msgspec.Struct, frozen=True):
    """How long to measure: seconds of each contestant in each round; requests of a long run."""

    seconds: float
    rounds: int
    requests: int
