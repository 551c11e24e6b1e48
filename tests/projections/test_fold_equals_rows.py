"""A read model's rows are what a replay from zero gives, however the log is cut into pages."""

import random

import psycopg
import pytest

from projections.registry import GROUPS, NAMES
from tests.histories import make_log, store
from tests.projections.support import catch_up, expected, lag_of, rows_of
from tests.servers import Database


@pytest.mark.parametrize("seed", range(4))
def test_rows_equal_the_fold(database: Database, seed: int) -> None:
    histories, rows = make_log(seed, conversations=6, commands=250)
    store(database.owner, rows)
    catch_up(database.service, page=random.Random(seed).choice([1, 7, 50, 1_000]))
    assert rows_of(database.superuser) == expected(histories)
    assert lag_of(database.service) == dict.fromkeys(NAMES, 0)


def test_pages_do_not_matter(database: Database) -> None:
    """The same log, replayed twice with other pages, gives the same rows."""
    histories, rows = make_log(99, conversations=3, commands=150)
    store(database.owner, rows)
    catch_up(database.service, page=3)
    first = rows_of(database.superuser)
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute("UPDATE readmodels.tracking SET position = 0")
        for group in GROUPS:
            for table in (table.name for model in group.models() for table in model.tables):
                connection.execute(f"TRUNCATE readmodels.{table}")
    catch_up(database.service, page=64)
    assert rows_of(database.superuser) == first == expected(histories)


def test_going_on_takes_in_only_what_is_new(database: Database) -> None:
    histories, rows = make_log(5, conversations=3, commands=120)
    half = len(rows) // 2
    store(database.owner, rows[:half])
    catch_up(database.service)
    with psycopg.connect(database.owner, autocommit=True) as connection:
        with connection.cursor().copy("COPY events FROM STDIN") as copy:
            for row in rows[half:]:
                copy.write_row(row)
        connection.execute("UPDATE head SET position = %s", [rows[-1][0]])
    catch_up(database.service)
    assert rows_of(database.superuser) == expected(histories)
