"""Following the log: in pages, with hints, and without."""

import asyncio
import os
import socket
import time

import pytest

from eventstore import follower as follower_module
from eventstore.appends import StoredRow
from eventstore.follower import Follower
from tests.eventstore.support import append, looking, writing
from tests.running import wait_until
from tests.servers import Database


async def test_pages_in_order(database: Database) -> None:
    async with writing(database.service) as writer:
        for version in range(1, 26):
            await writer.append(append("w:a", version))
    follower = Follower(database.service, page=10)
    seen: list[int] = []
    while page := follower.read(seen[-1] if seen else 0):
        assert len(page) <= 10
        seen += [row.position for row in page]
    assert seen == list(range(1, 26))
    assert [row.position for row in follower.read(3, upto=5)] == [4, 5]
    assert follower.head() == 25
    follower.close()


async def test_a_replay_reads_the_same_in_pages(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower_module, "STATEMENT", 10)
    async with writing(database.service) as writer:
        for version in range(1, 26):
            await writer.append(append("w:a", version))
    follower = Follower(database.service, page=4)
    pages = list(follower.replay(0))
    assert [row for page in pages for row in page] == follower_rows(follower)
    assert max(map(len, pages)) == 4
    assert [row.position for page in follower.replay(3, upto=15) for row in page] == [*range(4, 16)]
    assert list(follower.replay(25)) == []
    assert follower.head() == 25  # the connection is free again
    follower.close()


def follower_rows(follower: Follower) -> list[StoredRow]:
    rows: list[StoredRow] = []
    while page := follower.read(rows[-1].position if rows else 0):
        rows += page
    return rows


async def test_a_hint_wakes_a_follower(database: Database) -> None:
    follower = Follower(database.service)
    async with writing(database.service) as writer:
        await writer.append(append("w:a", 1))
        deadline = time.monotonic() + 30
        await asyncio.to_thread(
            follower.wait, 60
        )  # far longer than the deadline: only a hint can end it in time
    assert time.monotonic() < deadline
    follower.close()


async def test_hints_of_a_busy_time_are_one(database: Database) -> None:
    """Else a follower that has caught up would look in vain once for each of them."""
    follower = Follower(database.service)
    with looking(database.service) as connection:
        for _ in range(5):
            connection.execute("NOTIFY verbatim_log")
            follower.read(0)
    assert follower.wait(60)
    assert not follower.wait(0)
    follower.close()


def test_a_hint_that_came_with_a_page(database: Database) -> None:
    """The library has read it together with the end of the answer: no socket will tell of it any more."""
    follower = Follower(database.service)
    raw = follower.connection.pgconn
    raw.send_query(b"SELECT 1")
    with looking(database.service) as connection:
        connection.execute("NOTIFY verbatim_log")
    with socket.socket(fileno=os.dup(follower.fileno())) as peeked:
        wait_until(lambda: b"verbatim_log" in peeked.recv(10_000, socket.MSG_PEEK))
    while raw.get_result() is not None:
        pass
    assert follower.wait(0)
    follower.close()


async def test_without_hints_a_follower_polls(database: Database) -> None:
    follower = Follower(database.service)
    follower.connection.execute("UNLISTEN *")
    async with writing(database.service) as writer:
        await writer.append(append("w:a", 1))
    assert not follower.wait(0.01)
    assert [row.position for row in follower.read(0)] == [1]
    follower.close()


def test_a_reader_holds_no_transaction_open(database: Database) -> None:
    follower = Follower(database.service)
    follower.read(0)
    with looking(database.superuser) as connection:
        states = connection.execute(
            "SELECT state FROM pg_stat_activity WHERE application_name = 'verbatim follower'"
            " AND datname = current_database()"
        ).fetchall()
    assert states == [("idle",)]
    follower.close()
