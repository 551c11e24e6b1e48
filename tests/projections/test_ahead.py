"""Pages that were worked out before their turn: used where they still fit, made anew where not, and of no consequence."""

import random
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest

from eventstore.appends import StoredRow
from eventstore.connect import Connection, connect
from eventstore.follower import Follower
from projections import runner
from projections.ahead import one_ahead
from projections.intake import Intake
from projections.registry import GROUPS, NAMES, Group, group_of
from projections.search.read_model import NAME, Search
from projections.verify import verify
from tests.histories import make_log, store
from tests.projections.support import catch_up, expected, rows_of
from tests.projections.test_parking import UNKNOWN
from tests.servers import Database

PATIENCE = 30.0


def quiet(name: str, position: int, target: int) -> None:
    assert 0 < position <= target, name


def intake_of(connection: Connection, group: Group) -> Intake:
    intake = Intake(group.models())
    intake.prepare(connection)
    return intake


def pages_of(connection: Connection, size: int) -> list[list[StoredRow]]:
    follower = Follower("", page=size, connection=connection)
    found: list[list[StoredRow]] = []
    while rows := follower.read(found[-1][-1].position if found else 0):
        found.append(rows)
    return found


def park(connection: Connection, names: Sequence[str], stream: str, position: int) -> None:
    for name in names:
        connection.execute(
            "INSERT INTO readmodels.parked (name, stream, position, error) VALUES (%s, %s, %s, 'ill')",
            [name, stream, position],
        )


def test_the_next_is_made_while_one_is_in_use() -> None:
    in_use, made = threading.Event(), threading.Event()

    def making() -> Iterator[int]:
        yield 1
        assert in_use.wait(PATIENCE)
        made.set()
        yield 2
        yield 3

    with one_ahead(making()) as things:
        assert next(things) == 1
        in_use.set()
        assert made.wait(PATIENCE)
        assert list(things) == [2, 3]


def test_what_making_raises_comes_in_its_turn() -> None:
    def making() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    seen: list[int] = []
    with pytest.raises(ValueError, match="no more"), one_ahead(making()) as things:
        seen.extend(things)
    assert seen == [1]


def test_nothing_is_being_made_behind_the_block() -> None:
    made: list[str] = []

    def making() -> Iterator[str]:
        for _ in range(9):
            made.append(threading.current_thread().name)
            yield made[-1]

    with one_ahead(making()) as things:
        next(things)
    assert len(made) == 2
    assert made[0] != threading.current_thread().name
    assert made[0] not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("group", GROUPS, ids=[group.name for group in GROUPS])
def test_who_is_parked_meanwhile_is_left_out(database: Database, group: Group) -> None:
    _, rows = make_log(31, conversations=3, commands=90)
    position, stream = next(row[:2] for row in rows[len(rows) // 3 :] if "Appended" in row[3])
    store(database.owner, rows)
    with connect(database.service, name="test") as connection:
        intake = intake_of(connection, group)
        pages = [intake.page_ahead(part) for part in pages_of(connection, 20)]
        park(connection, group.names, stream, position)
        assert all(intake.take(connection, page) for page in pages)
        assert intake.position == len(rows)
    for name in group.names:
        assert verify(database.service, name, page=10, tell=quiet).differences == [], name


@pytest.mark.parametrize("group", GROUPS, ids=[group.name for group in GROUPS])
def test_who_goes_on_meanwhile_is_taken_in(database: Database, group: Group) -> None:
    histories, rows = make_log(32, conversations=3, commands=90)
    store(database.owner, rows)
    for other in GROUPS:
        with connect(database.service, name="test") as connection:
            intake = intake_of(connection, other)
            if other is group:
                park(connection, group.names, rows[0][1], 1)
                intake.reload(connection)
            pages = [intake.page_ahead(part) for part in pages_of(connection, 20)]
            connection.execute("DELETE FROM readmodels.parked")
            assert all(intake.take(connection, page) for page in pages)
    assert rows_of(database.superuser) == expected(histories)
    for name in group.names:
        assert verify(database.service, name, page=10, tell=quiet).differences == [], name


def test_a_page_that_parks_changes_the_next(database: Database) -> None:
    """Whether its program cannot read an event or the database refuses its row: then the page is halved."""
    _, rows = make_log(33, conversations=4, commands=120)
    catch_up(database.service)
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute(
            "ALTER TABLE readmodels.messages_v1 ADD CHECK (conversation <> 'c1' OR sequence > 2)"
        )
    ill = rows[len(rows) // 3]
    store(database.owner, [(*row[:3], *UNKNOWN, None) if row is ill else row for row in rows])
    for group in GROUPS:
        with connect(database.service, name="test") as connection:
            intake = intake_of(connection, group)
            pages = [intake.page_ahead(part) for part in pages_of(connection, 40)]
            assert len(pages) > 2
            assert all(intake.take(connection, page) for page in pages)
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        parked = connection.execute(
            "SELECT DISTINCT stream FROM readmodels.parked WHERE name = 'messages.v1'"
        ).fetchall()
        connection.execute("ALTER TABLE readmodels.messages_v1 DROP CONSTRAINT messages_v1_check")
    assert {ill[1], *(row[1] for row in rows if row[1].endswith(":c1"))} == {
        row[0] for row in parked
    }
    for name in NAMES:
        assert verify(database.service, name, page=10, tell=quiet).differences == [], name


def test_a_halved_page_is_worked_out_anew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was worked out of the whole is used once, in vain; each part is worked out for itself."""
    _, rows = make_log(34, conversations=2, commands=8)
    catch_up(database.service)
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute("ALTER TABLE readmodels.search_messages_v1 ADD CHECK (sequence < 2)")
    store(database.owner, rows)
    sizes: list[int] = []
    work_out = Search.work_out

    def noted(self: Search, page: Sequence[Any]):
        sizes.append(len(page))
        return work_out(self, page)

    monkeypatch.setattr(Search, "work_out", noted)
    with connect(database.service, name="test") as connection:
        intake = intake_of(connection, group_of(NAME))
        [part] = pages_of(connection, 1_000)
        page = intake.page_ahead(part)
        assert sizes == [len(rows)]
        assert intake.take(connection, page)
        assert intake.position == len(rows)
    assert sizes[1] == len(rows) // 2
    assert 1 in sizes
    assert verify(database.service, NAME, page=10, tell=quiet).differences == []


def test_what_does_not_follow_is_not_taken(database: Database) -> None:
    histories, rows = make_log(35, conversations=3, commands=60)
    store(database.owner, rows)
    for group in GROUPS:
        with connect(database.service, name="test") as connection:
            intake = intake_of(connection, group)
            first, second, *rest = [intake.page_ahead(part) for part in pages_of(connection, 10)]
            assert not intake.take(connection, second)
            assert intake.take(connection, first)
            assert not intake.take(connection, first)
            assert intake.position == 10
            assert all(intake.take(connection, page) for page in (second, *rest))
    assert rows_of(database.superuser) == expected(histories)
    for name in NAMES:
        assert verify(database.service, name, page=10, tell=quiet).differences == [], name


@pytest.mark.parametrize("seed", range(3))
def test_rows_are_the_same_ahead_or_not(
    database: Database, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Poison and all: every table of every read model, and who waits from which event on."""
    chance = random.Random(seed)
    _, rows = make_log(seed, conversations=6, commands=150)
    ill = {row[0] for row in chance.sample(rows, 2)}
    store(database.owner, [(*row[:3], *UNKNOWN, None) if row[0] in ill else row for row in rows])
    page = chance.choice([3, 10, 40])
    found: list[dict[str, list[Any]]] = []
    for far in (0, len(rows)):
        monkeypatch.setattr(runner, "FAR", far)
        catch_up(database.service, page=page)
        found.append(everything(database))
        forget(database)
    assert found[0] == found[1]
    assert found[0]["parked"]


TABLES = [table for group in GROUPS for model in group.models() for table in model.tables]


def everything(database: Database) -> dict[str, list[Any]]:
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        found = {
            table.name: connection.execute(
                f"SELECT t::text FROM readmodels.{table.name} t ORDER BY {', '.join(table.keys)}"
            ).fetchall()
            for table in TABLES
        }
        found["parked"] = connection.execute(
            "SELECT name, stream, position, error FROM readmodels.parked ORDER BY name, stream"
        ).fetchall()
        return found


def forget(database: Database) -> None:
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute("UPDATE readmodels.tracking SET position = 0")
        connection.execute("DELETE FROM readmodels.parked")
        for table in TABLES:
            connection.execute(f"TRUNCATE readmodels.{table.name}")
