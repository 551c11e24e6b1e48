"""Following the log: in pages, with hints, and without."""

import asyncio
import time

from eventstore.follower import Follower
from tests.eventstore.support import append, looking, writing
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


async def test_without_hints_a_follower_polls(database: Database) -> None:
    follower = Follower(database.service)
    follower.connection.execute("UNLISTEN *")
    async with writing(database.service) as writer:
        await writer.append(append("w:a", 1))
    follower.wait(0.01)
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
