"""What each index of the list costs its projection: `python -m bench.list --costs --runs 3`, on the benchmark's million rows.

The projection takes in the same pages with all indexes, and with all but one; each time in a transaction that is
rolled back. Time is the server process's own on a processor, so that others' work counts little.
"""

import random
import statistics
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from bench.search_data import Language, events
from bench.support import table, tell
from domain.envelope import Recorded
from eventstore.connect import Connection, connect
from projections.conversations import Conversations

PAGES = {2_000: 8, 20: 200}
"""Events of a page, as in a rebuild and as live; and how many such pages are taken in."""
WARM = 4
ALL = "(all of them)"


def costs(dsn: str, rounds: int) -> None:
    made = list(islice(events(Language(random.Random(7)), 200_000), 40_000))
    with connect(dsn, name="bench") as connection:
        names = _indexes(connection)
        sizes = {name: _size(connection, name) for name in names}
        by_page = {page: _by_index(connection, made, page, names, rounds) for page in PAGES}
    rows: list[list[str]] = []
    for name in (*names, ALL):
        row = [name.removeprefix("conversations_v1_")]
        for found in by_page.values():
            all_cpu, all_wal = found[()]
            cpu, wal = found[tuple(names) if name == ALL else (name,)]
            row += [
                f"{all_cpu - cpu:.1f} of {all_cpu:.1f}",
                f"{all_wal - wal:,.0f} of {all_wal:,.0f}",
            ]
        size = sum(sizes.values()) if name == ALL else sizes[name]
        rows.append([*row, f"{size / 1e6:,.0f}"])
    header = ["index"]
    for page in PAGES:
        header += [f"pages of {page:,}: µs an event", "bytes of WAL an event"]
    table([*header, "MB on disk"], rows)


def _by_index(
    connection: Connection, made: Sequence[Recorded], page: int, names: list[str], rounds: int
) -> dict[tuple[str, ...], tuple[float, float]]:
    """By the indexes left out: µs and bytes an event, medians."""
    figures: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    _taken(connection, made, page, ())
    for number in range(rounds):
        for dropped in [(), *((name,) for name in names), tuple(names)]:
            figures.setdefault(dropped, []).append(_taken(connection, made, page, dropped))
            tell(
                f"  round {number + 1}, pages of {page}, without {len(dropped)}: {figures[dropped][-1]}"
            )
    return {
        dropped: (
            statistics.median(cpu for cpu, _ in found),
            statistics.median(wal for _, wal in found),
        )
        for dropped, found in figures.items()
    }


def _taken(
    connection: Connection, made: Sequence[Recorded], page: int, dropped: tuple[str, ...]
) -> tuple[float, float]:
    model = Conversations()
    count = PAGES[page]
    cpu, wal = 0.0, 0
    with connection.transaction(force_rollback=True):
        for name in dropped:
            connection.execute(f"DROP INDEX readmodels.{name}".encode())
        for number in range(WARM + count):
            if number == WARM:
                cpu, wal = _used(connection), _wal(connection)
            model.work_out(made[number * page : (number + 1) * page])(connection)
        return (_used(connection) - cpu) / count / page * 1e6, (
            _wal(connection) - wal
        ) / count / page


def _indexes(connection: Connection) -> list[str]:
    found = connection.execute(
        "SELECT indexrelid::regclass::text FROM pg_index"
        " WHERE indrelid = 'readmodels.conversations_v1'::regclass AND NOT indisprimary ORDER BY 1"
    )
    return [row[0].removeprefix("readmodels.") for row in found]


def _used(connection: Connection) -> float:
    """Seconds that the connection's server process has been on a processor."""
    spent = Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text("utf-8")
    return int(spent.split()[0]) / 1e9


def _wal(connection: Connection) -> int:
    [row] = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchall()
    return int(row[0])


def _size(connection: Connection, name: str) -> int:
    [row] = connection.execute(
        "SELECT pg_relation_size(%s::regclass)", [f"readmodels.{name}"]
    ).fetchall()
    return int(row[0])
