"""How fast searches are as a log grows, and what indexing costs a message."""

import itertools
import random
import statistics
import time
from collections.abc import Iterator
from datetime import timedelta

import msgspec
import psycopg

from bench.search_client import ALL, Client
from bench.search_data import START, Language, events, sizes, workspace_name
from bench.support import table, tell
from domain.envelope import Recorded
from eventstore.connect import Connection, connect
from projections.ahead import one_ahead
from projections.listing import ListFilter
from projections.read_model import Write
from projections.registry import GROUPS
from projections.search.filters import SearchFilter
from projections.search.read_model import Search

PAGE = 2_000
BUFFERS = "1GB"
"""Of the server that is asked: a machine for a million messages has that."""
Asked = tuple[str, SearchFilter]
_WORDS_INDEX = b"search_messages_v1_words"


def fill(dsn: str, language: Language, messages: int) -> None:
    """All read models, by their own code; the index of words comes last, which is faster. A run that was cut off goes on."""
    with connect(dsn, name="bench") as connection:
        models = [model for group in GROUPS for model in group.models()]
        for model in models:
            model.create(connection)
        connection.execute("CREATE TABLE IF NOT EXISTS readmodels.filled (events bigint)")
        _index_of_words(
            connection, b"WHERE false"
        )  # the read model empties its list, so it must be there
        [row] = connection.execute(
            "SELECT coalesce(max(events), 0) FROM readmodels.filled"
        ).fetchall()
        begun = done = int(row[0])
        started = time.monotonic()
        for page in _pages(itertools.islice(events(language, messages), begun, None)):
            done += len(page)
            with connection.transaction():
                connection.execute("SET LOCAL synchronous_commit = off")
                for model in models:
                    model.work_out(page)(connection)
                connection.execute("INSERT INTO readmodels.filled VALUES (%s)", [done])
            if done % (25 * PAGE) == 0:
                rate = (done - begun) / (time.monotonic() - started)
                tell(f"  {done:,} events, {rate:,.0f} a second")
        tell("  index of words")
        connection.execute("SET maintenance_work_mem = '512MB'")
        _index_of_words(connection, b"")


def _index_of_words(connection: Connection, rows: bytes) -> None:
    connection.execute(b"DROP INDEX readmodels." + _WORDS_INDEX)
    connection.execute(
        b"CREATE INDEX "
        + _WORDS_INDEX
        + b" ON readmodels.search_messages_v1 USING gin (words) "
        + rows
    )


def _pages(rows: Iterator[Recorded]) -> Iterator[list[Recorded]]:
    while page := list(itertools.islice(rows, PAGE)):
        yield page


async def speed(dsn: str, language: Language, messages: int, count: int) -> dict[str, list[float]]:
    """Milliseconds of every search, by class; in the largest workspace, which holds almost half."""
    client = Client(dsn)
    await client.start()
    figures: dict[str, list[float]] = {}
    others = _classes(language, messages, count, seed=4)
    for name, asked in _classes(language, messages, count).items():
        for q, wanted in others[name]:  # plans and pages in memory, as far as there is room
            await client.search(workspace_name(0), q, wanted)
        figures[name] = []
        for q, wanted in asked:
            await client.search(workspace_name(0), q, wanted)
            figures[name].append(client.seconds * 1_000)
        tell(f"  {name}: {quantiles(figures[name])}")
    figures["smallest workspace"] = []
    for q, wanted in _classes(language, messages, count)["question"]:
        await client.search(workspace_name(19), q, wanted)
        figures["smallest workspace"].append(client.seconds * 1_000)
    await client.stop()
    return figures


def _classes(
    language: Language, messages: int, count: int, seed: int = 3
) -> dict[str, list[Asked]]:
    chance = random.Random(seed)

    def word(low: float, high: float) -> str:
        """Of those that are said so often: 0 is the commonest."""
        return language.word_of_rank(chance.uniform(low, high))

    def question() -> str:
        words = [word(0, 0.3), word(0.05, 0.5), word(0.2, 0.7), word(0.4, 0.9), word(0.6, 0.95)]
        return f"what did the {' '.join(words)} about?"

    def narrow(user_id: str | None = None, assistant_id: str | None = None) -> SearchFilter:
        conversations = ListFilter(
            ("active", "archived"), user_id=user_id, assistant_id=assistant_id
        )
        return SearchFilter(conversations)

    recent = msgspec.structs.replace(
        ALL,
        message_after=START + timedelta(days=100),
        message_before=START + timedelta(days=101),
    )
    by_date = msgspec.structs.replace(ALL, sort_by="created_at")
    users = sizes(messages)[0] // 20
    made = {
        "rare word": lambda: (word(0.9, 0.999), ALL),
        "medium word": lambda: (word(0.3, 0.6), ALL),
        "common word": lambda: (word(0, 0.05), ALL),
        "three common words": lambda: (" ".join(word(0, 0.08) for _ in range(3)), ALL),
        "question": lambda: (question(), ALL),
        "order number": lambda: (f"ORD-{chance.randrange(10**6):06d}", ALL),
        "phrase of common words": lambda: (f'"{word(0, 0.05)} {word(0, 0.05)}"', ALL),
        "beginning of a word": lambda: (word(0.2, 0.9)[:4], ALL),
        "common words of one user": lambda: (f"{word(0, 0.05)} {word(0, 0.1)}", narrow(user_id=f"user-{chance.randrange(users)}")),
        "common words of one assistant": lambda: (f"{word(0, 0.05)} {word(0, 0.1)}", narrow(assistant_id="assistant-3")),
        "common words of one day": lambda: (f"{word(0, 0.05)} {word(0, 0.1)}", recent),
        "common word by date": lambda: (word(0, 0.05), by_date),
    }  # fmt: skip
    return {name: [make() for _ in range(count)] for name, make in made.items()}


def report(by_size: dict[int, dict[str, list[float]]]) -> None:
    order = sorted(by_size)
    rows: list[list[str]] = []
    for name in by_size[order[0]]:
        row = [name, *(quantiles(by_size[size][name]) for size in order)]
        last = (
            _p95(by_size[order[-1]][name]) / _p95(by_size[order[-2]][name]) if len(order) > 1 else 1
        )
        rows.append([*row, f"{last:.1f} ×"])
    print(
        "Milliseconds, p50 / p95, in the largest of 20 workspaces (45 % of all messages), without HTTP and snippets;"
        f" shared_buffers {BUFFERS}, warmed up by as many other queries.\n"
    )
    table(["", *(f"{size:,} messages" for size in order), "last p95 / the one before"], rows)


def quantiles(values: list[float]) -> str:
    """The median and the 95th percentile."""
    return f"{statistics.median(values):.1f} / {_p95(values):.1f}"


def _p95(values: list[float]) -> float:
    return sorted(values)[max(0, round(len(values) * 0.95) - 1)]


def cost(dsn: str, superuser: str, language: Language, messages: int) -> None:
    """Of the read model alone, with its index of words in place, in pages of a rebuild and of live traffic."""
    rows: list[list[str]] = []
    for page in (PAGE, 50):
        with (
            connect(dsn, name="bench") as connection,
            psycopg.connect(superuser, autocommit=True) as other,
        ):
            model = Search()
            for one in model.tables:
                connection.execute(f"DROP TABLE IF EXISTS readmodels.{one.name}".encode())
            model.create(connection)
            taken = list(itertools.islice(events(language, messages), messages))
            half = len(taken) // 2
            _take(
                model, connection, taken[:half], page
            )  # a table that is not empty, a cache that is warm
            other.execute("CHECKPOINT")
            before = _wal(other)
            started = time.perf_counter()
            _take(model, connection, taken[half:], page)
            seconds = time.perf_counter() - started
            wal = _wal(other) - before
            count = len(taken) - half
            size = sum(_size(connection, one.name) for one in model.tables)
            rows.append(
                [
                    f"{page:,}",
                    f"{count / seconds:,.0f}",
                    f"{seconds / count * 1e6:.0f} µs",
                    f"{wal / count:,.0f}",
                    f"{size / len(taken):,.0f}",
                ]
            )
            tell(f"  pages of {page}: {rows[-1]}")
    print(
        f"The read model alone, {messages:,} events of about 200 characters, the second half measured.\n"
    )
    table(
        [
            "events a page",
            "events a second",
            "an event",
            "WAL bytes an event",
            "bytes on disk an event",
        ],
        rows,
    )


def _take(model: Search, connection: Connection, rows: list[Recorded], page: int) -> None:
    """As the runner does: from afar it works out each page while the one before is written, live each when it comes."""
    parts = (rows[start : start + page] for start in range(0, len(rows), page))
    if page < PAGE:
        for part in parts:
            _write(connection, model.work_out(part))
        return
    with one_ahead(map(model.work_out, parts)) as worked_out:
        for write in worked_out:
            _write(connection, write)


def _write(connection: Connection, write: Write) -> None:
    with connection.pipeline(), connection.transaction():
        connection.execute("SET LOCAL synchronous_commit = off")
        write(connection)


def _wal(connection: psycopg.Connection) -> int:
    [row] = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchall()
    return int(row[0])


def _size(connection: Connection, name: str) -> int:
    [row] = connection.execute(
        "SELECT pg_total_relation_size(%s::regclass)", [f"readmodels.{name}"]
    ).fetchall()
    return int(row[0])
