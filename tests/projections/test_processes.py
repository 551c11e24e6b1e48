"""Runners as processes: killed, doubled, told to stop."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.histories import make_log, store
from tests.projections.support import expected, lag_of, rows_of
from tests.servers import Database


@contextmanager
def runner(dsn: str) -> Iterator[subprocess.Popen[bytes]]:
    environ = os.environ | {"VERBATIM_DATABASE_URL": dsn, "VERBATIM_PAGE_SIZE": "20"}
    command = [sys.executable, "-m", "services.cli", "projections", "run"]
    process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(condition) -> None:
    """Poll a server that tells nobody: until the condition holds, a minute at most."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


def checkpoint(dsn: str) -> int:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute("SELECT min(position) FROM readmodels.tracking").fetchone()
    return row[0] or 0 if row else 0


def test_killed_while_at_work_and_started_again(database: Database) -> None:
    histories, rows = make_log(11, conversations=5, commands=1_500)
    store(database.owner, rows)
    for _ in range(3):
        begun = checkpoint(database.service)
        with runner(database.service) as process:
            wait_until(lambda begun=begun: checkpoint(database.service) > begun)
            process.send_signal(signal.SIGKILL)
            process.wait()
    with runner(database.service):
        wait_until(lambda: checkpoint(database.service) == len(rows))
    assert rows_of(database.superuser) == expected(histories)


def test_a_second_runner_stands_by_and_takes_over(database: Database) -> None:
    histories, rows = make_log(12, conversations=3, commands=200)
    store(database.owner, rows)
    with runner(database.service) as first, runner(database.service):
        wait_until(lambda: checkpoint(database.service) == len(rows))
        first.kill()
        first.wait()
        _, more = make_log(13, conversations=1, commands=20)
        shifted = [(len(rows) + at, f"x{stream}", *rest) for at, stream, *rest in more]
        with psycopg.connect(database.owner, autocommit=True) as connection:
            with connection.cursor().copy("COPY events FROM STDIN") as copy:
                for row in shifted:
                    copy.write_row(row)
            connection.execute("UPDATE head SET position = %s", [shifted[-1][0]])
        wait_until(lambda: set(lag_of(database.service).values()) == {0})
    conversations, _ = rows_of(database.superuser)
    assert len(conversations) == len(expected(histories)[0]) + 1


def test_sigterm_ends_a_runner(database: Database) -> None:
    with runner(database.service) as process:
        wait_until(lambda: lag_of(database.service) != {})
        process.terminate()
        assert process.wait(10) == 0
