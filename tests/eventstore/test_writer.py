"""The writer: batches, conflicts, keys, limits."""

import asyncio
import itertools
from typing import Any

import msgspec
import psycopg
import pytest

from eventstore.appends import Append, Appended
from eventstore.errors import (
    KeyTaken,
    MessageIdTaken,
    Overloaded,
    Unavailable,
    VersionConflict,
)
from eventstore.purge import purge_keys
from eventstore.reader import LogReader
from tests.eventstore.support import append, check_whole, looking, outcomes, stored, writing
from tests.servers import Database


async def test_positions_are_the_order_of_appends(database: Database) -> None:
    async with writing(database.service) as writer:
        assert await writer.append(append("w:a", 1, count=2)) == Appended(1, 2)
        assert await writer.append(append("w:b", 1)) == Appended(3, 3)
    assert stored(database.service) == [(1, "w:a", 1), (2, "w:a", 2), (3, "w:b", 1)]


async def test_what_queues_is_one_batch(database: Database) -> None:
    async with writing(database.service) as writer:
        done = await outcomes(*(writer.append(append(f"w:{n}", 1)) for n in range(200)))
    assert sorted(a.first_position for a in done) == list(range(1, 201))
    with looking(database.superuser) as connection:
        transactions = connection.execute(
            "SELECT count(DISTINCT xmin::text) FROM events"
        ).fetchone()
    assert transactions is not None
    assert transactions[0] <= 3


async def test_a_conflict_fails_its_own_command_only(database: Database) -> None:
    async with writing(database.service) as writer:
        await writer.append(append("w:taken", 1))
        done = await outcomes(
            writer.append(append("w:good1", 1, count=2)),
            writer.append(append("w:taken", 1, count=3)),
            writer.append(append("w:good2", 1)),
        )
    assert [type(outcome) for outcome in done] == [Appended, VersionConflict, Appended]
    check_whole(database.service)
    assert len(stored(database.service)) == 4


async def test_a_gap_in_a_stream_is_a_conflict(database: Database) -> None:
    async with writing(database.service) as writer:
        await writer.append(append("w:a", 1))
        await outcomes(writer.append(append("w:a", 1)))  # from now on conflicts are looked for
        done = await outcomes(writer.append(append("w:a", 3)))
    assert isinstance(done[0], VersionConflict)
    check_whole(database.service)


async def test_appends_to_one_stream_keep_their_order(database: Database) -> None:
    """Queued side by side, each goes into a batch of its own, after the one before."""
    async with writing(database.service) as writer:
        done = await outcomes(*(writer.append(append("w:a", n)) for n in range(1, 21)))
    assert [outcome.first_position for outcome in done] == list(range(1, 21))
    check_whole(database.service)


async def test_a_message_id_lands_once(database: Database) -> None:
    async with writing(database.service) as writer:
        await writer.append(append("w:a", 1, message_id="m"))
        with pytest.raises(MessageIdTaken):
            await writer.append(append("w:a", 2, message_id="m"))
        await writer.append(append("w:b", 1, message_id="m"))
    assert len(stored(database.service)) == 2


async def test_a_key_lands_once_with_its_events(database: Database) -> None:
    async with writing(database.service) as writer:
        await writer.append(append("w:a", 1, count=2, key="k"))
        with pytest.raises(KeyTaken):
            await writer.append(append("w:a", 3, key="k"))
        done = await outcomes(
            writer.append(append("w:b", 1, key="k2")), writer.append(append("w:c", 1, key="k2"))
        )
    assert [type(outcome) for outcome in done] == [Appended, KeyTaken]
    reader = LogReader(database.service)
    await reader.start()
    row = await reader.find_key("w", "k")
    await reader.stop()
    assert row is not None
    assert (row.first_position, row.last_position) == (1, 2)
    check_whole(database.service)


async def test_a_key_without_events_is_kept_too(database: Database) -> None:
    async with writing(database.service) as writer:
        await writer.append(append("w:a", 1))
        keyed = Append("c", (), append("w:a", 1, key="k").idempotency)
        assert await writer.append(keyed) == Appended(1, 1)
        with pytest.raises(KeyTaken):
            await writer.append(keyed)
    check_whole(database.service)


async def test_an_expired_key_is_free_again_and_purged(database: Database) -> None:
    async with writing(database.service, key_lifetime="0 seconds") as writer:
        await writer.append(append("w:a", 1, key="k"))
        await writer.append(append("w:a", 2, key="k"))
        await writer.append(append("w:a", 3, key="k2"))
    assert await purge_keys(database.service) == 2
    with looking(database.service) as connection:
        assert connection.execute("SELECT count(*) FROM idempotency").fetchone() == (0,)
    check_whole(database.service)


async def test_a_live_key_is_not_purged(database: Database) -> None:
    async with writing(database.service) as writer:
        await writer.append(append("w:a", 1, key="k"))
    assert await purge_keys(database.service) == 0


async def test_past_the_queue_an_append_is_refused_at_once(database: Database) -> None:
    async with writing(database.service, max_queue=10) as writer:
        done = await outcomes(*(writer.append(append(f"w:{n}", 1)) for n in range(50)))
    refused = [outcome for outcome in done if isinstance(outcome, Overloaded)]
    landed = [outcome for outcome in done if isinstance(outcome, Appended)]
    assert len(refused) + len(landed) == 50
    assert len(landed) >= 10
    assert refused
    assert len(stored(database.service)) == len(landed)


async def test_a_cancelled_caller_does_not_cancel_the_write(database: Database) -> None:
    async with writing(database.service) as writer:
        callers = [asyncio.create_task(writer.append(append(f"w:{n}", 1))) for n in range(5)]
        await asyncio.sleep(0)  # each is queued now
        for caller in callers[:3]:
            caller.cancel()
        await outcomes(*callers)
        await writer.append(append("w:last", 1))
    assert len(stored(database.service)) == 6
    check_whole(database.service)


async def test_stopping_flushes_what_is_queued_and_refuses_the_rest(database: Database) -> None:
    async with writing(database.service) as writer:
        queued = [asyncio.create_task(writer.append(append(f"w:{n}", 1))) for n in range(20)]
        await asyncio.sleep(0)  # each is queued now
        await writer.stop()
        with pytest.raises(Unavailable):
            await writer.append(append("w:late", 1))
        done = await outcomes(*queued)
    assert all(isinstance(outcome, Appended) for outcome in done)
    assert len(stored(database.service)) == 20


async def test_any_bytes_survive(database: Database) -> None:
    text = "\0 \U0001f600 ñ \\ \" '"
    async with writing(database.service) as writer:
        await writer.append(append("w:a", 1, text=text))
    reader = LogReader(database.service)
    await reader.start()
    rows = await reader.stream_page("w:a", 0)
    await reader.stop()
    assert rows[0].state == append("w:a", 1, text=text).events[0].state


async def test_conflicts_cost_the_same_on_a_log_that_has_grown(database: Database) -> None:
    """What is planned on an empty log, whose statistics nobody has taken since, still looks things up by index."""
    tables = ("events", "idempotency")

    async def conflicts(number: int) -> None:
        for _ in range(
            number
        ):  # each keeps the writer looking for conflicts; past five a plan is kept
            key = f"k{next(numbers)}"
            taken = append("w:hot", 1, message_id="m", key=key)
            taken = msgspec.structs.replace(taken, again=lambda _, same=taken: same)
            found = await outcomes(writer.append(taken))
            assert isinstance(found[0], MessageIdTaken | VersionConflict)

    numbers = itertools.count()
    async with writing(database.service) as writer:
        await writer.append(append("w:hot", 1, message_id="m"))
        await conflicts(12)
        appends = (append(f"w:{n}", 1, message_id="m", key=f"g{n}") for n in range(2_000))
        done = await outcomes(*(writer.append(one) for one in appends))
        assert all(isinstance(one, Appended) for one in done)
        await conflicts(30)
    with looking(database.superuser) as connection:
        assert _whole_reads(connection, tables) < 2_000


def _whole_reads(connection: psycopg.Connection[Any], tables: tuple[str, ...]) -> int:
    """Rows that were read from these tables other than by looking one up; told once the readers have gone."""
    rows = connection.execute(
        "SELECT sum(seq_tup_read), pg_stat_force_next_flush() FROM pg_stat_user_tables"
        " WHERE relname = ANY (%s)",
        [list(tables)],
    ).fetchone()
    assert rows is not None
    return int(rows[0])
