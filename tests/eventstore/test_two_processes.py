"""Several processes at one log: no gap, no half command, order of commits."""

import asyncio
import subprocess
import sys

import psycopg

from eventstore.follower import Follower
from tests.eventstore.support import append, check_whole, looking, stored, writing
from tests.servers import Database


def test_hot_streams(database: Database) -> None:
    command = [sys.executable, "-m", "tests.eventstore.hot_streams", database.service]
    processes = [
        subprocess.Popen([*command, name, "5", "160"], stdout=subprocess.PIPE, text=True)
        for name in ("one", "two")
    ]
    lines = [line.split() for p in processes for line in p.communicate(timeout=120)[0].splitlines()]
    assert [p.returncode for p in processes] == [0, 0]
    accepted = [line[1:] for line in lines if line[0] == "accepted"]
    conflicts = sum(int(line[1]) for line in lines if line[0] == "conflicts")
    assert conflicts > 0  # they did meet
    check_whole(database.service)
    rows = {(stream, version): position for position, stream, version in stored(database.service)}
    assert len(rows) == sum(int(count) for _, _, count, _ in accepted)
    for stream, version, count, first in accepted:
        positions = [rows[stream, int(version) + index] for index in range(int(count))]
        assert positions == list(range(int(first), int(first) + int(count)))


async def test_a_follower_never_passes_over_an_open_transaction(database: Database) -> None:
    """An append that is not committed holds the head: whoever comes later waits, so nothing lands below a reader."""
    follower = Follower(database.service)
    with psycopg.connect(database.service) as slow:
        async with writing(database.service) as writer:
            await writer.append(append("w:before", 1))
            slow.execute("SELECT position FROM head FOR UPDATE")
            waiting = asyncio.create_task(writer.append(append("w:after", 1)))
            with looking(database.superuser) as connection:
                while not connection.execute(  # noqa: ASYNC110 - the server gives no event for this
                    "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                ).fetchall():
                    await asyncio.sleep(0)
            assert [row.stream for row in follower.read(0)] == ["w:before"]
            slow.execute(
                "INSERT INTO events VALUES (2, 'w:slow', 1, 'MessageAppended.1', '{}'::bytea, NULL)"
            )
            slow.execute("UPDATE head SET position = 2")
            slow.commit()
            assert (await waiting).first_position == 3
    assert [row.stream for row in follower.read(1)] == ["w:slow", "w:after"]
    follower.close()
    check_whole(database.service)


async def test_a_snapshot_held_open_does_not_bloat_the_head(database: Database) -> None:
    """Versions of the head row that a long reader still needs are kept on its page (HOT), not in the index."""
    with psycopg.connect(database.superuser) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM events")
        async with writing(database.service) as writer:
            for version in range(1, 401):
                await writer.append(append("w:a", version))
        with looking(database.superuser) as connection:
            index_pages, pages = connection.execute(
                "SELECT pg_relation_size('head_pkey') / 8192, pg_relation_size('head') / 8192"
            ).fetchone()
            assert connection.execute("SELECT position FROM head").fetchone() == (400,)
        assert index_pages <= 3
        assert pages <= 8
