"""A reply to a commit that never arrives: the append is looked up, never guessed."""

import argparse
import asyncio
import random
from urllib.parse import urlsplit

from eventstore.appends import Appended
from tests.eventstore.proxy import ReplySwallower
from tests.eventstore.support import append, check_whole, outcomes, stored, writing
from tests.servers import Database


async def lose_replies(dsn: str, rounds: int, seed: int) -> int:
    """Append from 8 streams side by side while replies are lost; how many were. Every append must succeed."""
    parts = urlsplit(dsn)
    chance = random.Random(seed)
    with ReplySwallower("127.0.0.1", parts.port or 5432) as proxy:
        through = dsn.replace(f":{parts.port}/", f":{proxy.port}/")
        async with writing(through) as writer:
            for version in range(1, rounds + 1):
                proxy.swallow = chance.random() < 0.2
                done = await outcomes(
                    *(
                        writer.append(
                            append(
                                f"w:{stream}",
                                2 * version - 1,
                                command=f"{stream}-{version}",
                                count=2,
                                message_id=f"m{version}",
                                key=f"{stream}-{version}",
                            )
                        )
                        for stream in range(8)
                    )
                )
                assert [type(outcome) for outcome in done] == [Appended] * 8, done
                proxy.swallow = False
        return proxy.swallowed


async def test_no_duplicate_and_no_false_conflict(database: Database) -> None:
    lost = await lose_replies(database.service, rounds=40, seed=1)
    assert lost >= 3  # the fault did happen
    assert len(stored(database.service)) == 40 * 8 * 2
    check_whole(database.service)


async def test_the_positions_of_a_lost_reply_are_the_true_ones(database: Database) -> None:
    parts = urlsplit(database.service)
    with ReplySwallower("127.0.0.1", parts.port or 5432) as proxy:
        through = database.service.replace(f":{parts.port}/", f":{proxy.port}/")
        async with writing(through) as writer:
            await writer.append(append("w:a", 1))
            proxy.swallow = True
            placed = await writer.append(append("w:a", 2, command="lost", count=3))
            assert proxy.swallowed == 1
    assert placed == Appended(2, 4)


async def test_a_foreign_event_at_that_version_is_a_conflict(database: Database) -> None:
    """Not every conflict after a lost connection is our own write."""
    parts = urlsplit(database.service)
    with ReplySwallower("127.0.0.1", parts.port or 5432) as proxy:
        through = database.service.replace(f":{parts.port}/", f":{proxy.port}/")
        async with writing(database.service) as other, writing(through) as writer:
            await writer.append(append("w:a", 1))
            await other.append(append("w:b", 1, command="theirs"))
            proxy.swallow = True
            done = await outcomes(
                writer.append(append("w:a", 2, command="ours")),
                writer.append(append("w:b", 1, command="ours too")),
            )
            assert proxy.swallowed == 1
    assert type(done[0]) is Appended
    assert type(done[1]).__name__ == "VersionConflict"
    check_whole(database.service)


def main() -> None:
    """A long run on a database of your own: `python -m tests.eventstore.test_lost_replies DSN --rounds 5000`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("dsn")
    parser.add_argument("--rounds", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    lost = asyncio.run(lose_replies(given.dsn, given.rounds, given.seed))
    check_whole(given.dsn)
    print(f"{given.rounds * 8} commands, {lost} replies lost, no duplicate, no false conflict")


if __name__ == "__main__":
    main()
