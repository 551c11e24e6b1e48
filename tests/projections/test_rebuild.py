"""Rebuilding beside the live tables, while reads and writes go on."""

import threading
from typing import Any

import psycopg
import pytest

from eventstore.connect import connect
from projections import beside, rebuild
from projections.checkpoints import lag
from projections.registry import NAMES, read_model
from projections.verify import verify
from tests.histories import make_log, store
from tests.projections.support import catch_up, expected, rows_of
from tests.servers import Database
from tests.services.support import projecting


def quiet(name: str, position: int, target: int) -> None:
    assert name in NAMES
    assert 0 < position <= target


@pytest.mark.parametrize("name", NAMES)
def test_the_same_rows_again(database: Database, name: str) -> None:
    histories, rows = make_log(3, conversations=5, commands=160)
    half = len(rows) // 2
    store(database.owner, rows[:half])
    catch_up(database.service)
    before = rows_of(database.superuser)
    table = read_model(name).tables[0].name
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        oid = f"SELECT 'readmodels.{table}'::regclass::oid"
        old = connection.execute(oid).fetchone()
        position = rebuild.rebuild(database.service, name, page=7, tell=quiet)
        assert connection.execute(oid).fetchone() != old
        left = connection.execute("SELECT name FROM readmodels.tracking ORDER BY name").fetchall()
    assert [row[0] for row in left] == sorted(NAMES)
    assert position == half
    assert rows_of(database.superuser) == before
    with connect(database.service, name="test") as service:
        assert lag(service)[name].position == position
    store(database.owner, rows[half:])
    catch_up(database.service)  # the runner goes on with the new tables
    assert rows_of(database.superuser) == expected(histories)


def test_damage_is_mended(database: Database) -> None:
    histories, rows = make_log(5, conversations=5, commands=120)
    store(database.owner, rows)
    catch_up(database.service)
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute("DELETE FROM readmodels.messages_v1 WHERE sequence = 2")
        connection.execute("UPDATE readmodels.conversations_v1 SET resource = '{}'")
    assert rows_of(database.superuser) != expected(histories)
    for name in NAMES:
        rebuild.rebuild(database.service, name, page=1_000, tell=quiet)
    assert rows_of(database.superuser) == expected(histories)


class KilledError(Exception):
    pass


def test_a_killed_rebuild_goes_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "NEAR", 0)
    histories, rows = make_log(6, conversations=5, commands=100)
    store(database.owner, rows)
    catch_up(database.service)
    seen: list[int] = []

    def note(name: str, position: int, target: int) -> None:
        quiet(name, position, target)
        seen.append(position)

    def dies(name: str, position: int, target: int) -> None:
        note(name, position, target)
        if len(seen) == 3:
            raise KilledError

    with pytest.raises(KilledError):
        rebuild.rebuild(database.service, NAMES[0], page=5, tell=dies)
    assert rows_of(database.superuser) == expected(histories)  # the live tables were not touched
    rebuild.rebuild(database.service, NAMES[0], page=5, tell=note)
    assert seen[2] < seen[3]  # nothing was taken in twice
    assert rows_of(database.superuser) == expected(histories)

    seen.clear()
    with pytest.raises(KilledError):
        rebuild.rebuild(database.service, NAMES[0], page=5, tell=dies)
    rebuild.rebuild(database.service, NAMES[0], page=5, tell=note, afresh=True)
    assert seen[3] == seen[0]
    assert rows_of(database.superuser) == expected(histories)


def test_one_at_a_time(database: Database) -> None:
    catch_up(database.service)
    with (
        beside.alone(database.service, f"rebuild of {NAMES[0]}"),
        pytest.raises(beside.Busy, match="already"),
    ):
        rebuild.rebuild(database.service, NAMES[0], page=10, tell=quiet)


def test_the_switch_waits_for_a_long_read(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    histories, rows = make_log(7, conversations=3, commands=60)
    half = len(rows) // 2
    store(database.owner, rows[:half])
    catch_up(database.service)
    monkeypatch.setattr(rebuild, "PATIENCE", "10ms")
    done: list[int] = []

    def build() -> None:
        done.append(rebuild.rebuild(database.service, "messages.v1", page=10, tell=quiet))

    thread = threading.Thread(target=build)
    with psycopg.connect(database.superuser) as reading:
        reading.execute("SELECT count(*) FROM readmodels.messages_v1")  # its transaction stays open
        thread.start()
        store(database.owner, rows[half:])
        catch_up(database.service)  # the log goes on meanwhile
        thread.join(0.5)
        assert not done
    thread.join(30)
    assert done
    assert rows_of(database.superuser) == expected(histories)


class Reader(threading.Thread):
    """Reads with prepared statements: rows never get fewer while the log only grows."""

    def __init__(self, dsn: str, stop: threading.Event) -> None:
        super().__init__()
        self._dsn = dsn
        self._stop_it = stop
        self.wrong: list[Any] = []
        self.reads = 0

    def run(self) -> None:
        most = dict.fromkeys(("messages_v1", "conversations_v1"), 0)
        try:
            with psycopg.connect(self._dsn, autocommit=True, prepare_threshold=0) as connection:
                while not self._stop_it.is_set():
                    for table in most:
                        row = connection.execute(
                            f"SELECT count(*) FROM readmodels.{table}"
                        ).fetchone()
                        assert row is not None
                        if row[0] < most[table]:
                            self.wrong.append((table, row[0], most[table]))
                        most[table] = row[0]
                        self.reads += 1
        except Exception as error:  # noqa: BLE001 - the test tells it
            self.wrong.append(error)


def test_reads_never_fail_nor_miss_rows_during_switches(database: Database) -> None:
    """Readers, a writer and the projections, while tables are switched ten times."""
    _, rows = make_log(8, conversations=12, commands=500)
    rows = [row for row in rows if row[3] != "MessageRetracted.1"]  # so that rows only grow
    rows = [(number, *row[1:]) for number, row in enumerate(rows, 1)]
    dsn = database.service
    stop = threading.Event()
    cuts = [len(rows) * n // 11 for n in range(12)]
    readers = [Reader(database.superuser, stop) for _ in range(3)]
    with projecting(dsn):
        store(database.owner, rows[: cuts[1]])
        catch_up_behind(dsn, cuts[1])
        for reader in readers:
            reader.start()
        for number in range(1, 11):
            store(database.owner, rows[cuts[number] : cuts[number + 1]])
            rebuild.rebuild(dsn, NAMES[number % 2], page=20, tell=quiet)
        catch_up_behind(dsn, len(rows))
        stop.set()
        for reader in readers:
            reader.join(30)
    assert [reader.wrong for reader in readers] == [[], [], []]
    assert all(reader.reads > 20 for reader in readers)
    for name in NAMES:
        verdict = verify(dsn, name, page=1_000, tell=quiet)
        assert (verdict.differences, verdict.position) == ([], len(rows))


def catch_up_behind(dsn: str, position: int) -> None:
    """Until the projections that run are there."""
    with connect(dsn, name="test") as connection:
        connection.execute("LISTEN verbatim_projected")
        while any(behind.position < position for behind in lag(connection).values()) or not lag(
            connection
        ):
            for _ in connection.notifies(timeout=1, stop_after=1):
                pass
