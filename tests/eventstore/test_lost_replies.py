"""A reply to a commit that never arrives: the append is looked up, never guessed.

`python -m tests.eventstore.test_lost_replies` is the long run, on a PostgreSQL of its own.
"""

import argparse
import asyncio
import logging
import random

from bench.support import machine, server, tell
from eventstore.appends import Appended
from tests.eventstore.support import append, check_whole, looking, outcomes, stored, writing
from tests.faults.proxy import FaultProxy
from tests.faults.rig import address, through
from tests.servers import Database

STREAMS, EVENTS = 8, 2
"""Commands side by side, and what each appends."""


async def lose_replies(dsn: str, lost: int, seed: int, odds: float = 0.5) -> int:
    """Append from all streams side by side until so many replies were lost; how many rounds. Every append must succeed."""
    chance = random.Random(seed)
    rounds = 0
    with FaultProxy(address(dsn)) as proxy:
        async with writing(through(dsn, proxy)) as writer:
            while proxy.hits < lost:
                rounds += 1
                if chance.random() < odds:
                    proxy.set("swallow")
                done = await outcomes(
                    *(
                        writer.append(
                            append(
                                f"w:{stream}",
                                EVENTS * (rounds - 1) + 1,
                                command=f"{stream}-{rounds}",
                                count=EVENTS,
                                message_id=f"m{rounds}",
                                key=f"{stream}-{rounds}",
                            )
                        )
                        for stream in range(STREAMS)
                    )
                )
                assert [type(outcome) for outcome in done] == [Appended] * STREAMS, done
                proxy.set("pass")
                if rounds % 500 == 0:
                    tell(f"  {rounds:,} rounds, {proxy.hits:,} of {lost:,} replies lost")
    return rounds


def check_once(dsn: str, rounds: int) -> None:
    """Every event and every key once."""
    assert len(stored(dsn)) == rounds * STREAMS * EVENTS
    with looking(dsn) as connection:
        keys = connection.execute(
            "SELECT count(*), count(DISTINCT key) FROM idempotency"
        ).fetchone()
    assert keys == (rounds * STREAMS, rounds * STREAMS)
    check_whole(dsn)


async def test_no_duplicate_and_no_false_conflict(database: Database) -> None:
    rounds = await lose_replies(database.service, lost=5, seed=1)
    assert rounds >= 5
    check_once(database.service, rounds)


async def test_the_positions_of_a_lost_reply_are_the_true_ones(database: Database) -> None:
    with FaultProxy(address(database.service)) as proxy:
        async with writing(through(database.service, proxy)) as writer:
            await writer.append(append("w:a", 1))
            proxy.set("swallow")
            placed = await writer.append(append("w:a", 2, command="lost", count=3))
            assert proxy.hits == 1
    assert placed == Appended(2, 4)


async def test_a_foreign_event_at_that_version_is_a_conflict(database: Database) -> None:
    """Not every conflict after a lost connection is our own write."""
    with FaultProxy(address(database.service)) as proxy:
        async with (
            writing(database.service) as other,
            writing(through(database.service, proxy)) as writer,
        ):
            await writer.append(append("w:a", 1))
            await other.append(append("w:b", 1, command="theirs"))
            proxy.set("swallow")
            done = await outcomes(
                writer.append(append("w:a", 2, command="ours")),
                writer.append(append("w:b", 1, command="ours too")),
            )
            assert proxy.hits == 1
    assert type(done[0]) is Appended
    assert type(done[1]).__name__ == "VersionConflict"
    check_whole(database.service)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lost", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logging.disable(logging.WARNING)  # each loss is told there
    with server() as postgres:
        dsn = postgres.database_url
        rounds = asyncio.run(lose_replies(dsn, given.lost, given.seed, odds=0.9))
        check_once(dsn, rounds)
    print(
        f"{given.lost:,} replies lost, {rounds * STREAMS:,} commands of {EVENTS} events, each with a key:"
        f" no duplicate, no false conflict. {machine()}"
    )


if __name__ == "__main__":
    main()
