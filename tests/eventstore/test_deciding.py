"""Commands that others overtook are decided again while nobody else can append: once, and then they stand."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
import psycopg
import pytest

from eventstore.appends import Append, Appended, StoredRow
from eventstore.deciding import MOST_BEHIND, MOST_BYTES, MOST_DECIDED
from eventstore.errors import MessageIdTaken, VersionConflict
from eventstore.writer import GroupCommitWriter
from tests.eventstore.support import append, check_whole, looking, outcomes, stored, writing
from tests.faults.proxy import FaultProxy
from tests.faults.rig import address, through
from tests.servers import Database


class Decided:
    """A command that appends one event behind whatever there is, and counts how often it was decided again."""

    def __init__(self, name: str, *, then: Callable[[], None] = lambda: None) -> None:
        self.name = name
        self.times = 0
        self.seen: list[StoredRow] = []
        self._then = then

    def append(self, stream: str, version: int, *, message_id: str | None = None) -> Append:
        def again(rows: Sequence[StoredRow]) -> Append:
            self.times += 1
            self.seen += rows
            self._then()
            return self.append(stream, rows[-1].version + 1, message_id=message_id)

        plain = append(
            stream, version, command=self.name, key=f"{self.name} {stream}", message_id=message_id
        )
        return msgspec.structs.replace(plain, again=again)


async def test_two_writers_at_one_stream_lose_once_at_most(database: Database) -> None:
    """Each knows of its own writes only, so nearly every command meets the other's."""

    async def hammer(writer: GroupCommitWriter, name: str) -> list[int]:
        version, times = 0, []
        for number in range(100):
            command = Decided(f"{name}-{number}")
            await writer.append(command.append("w:a", version + 1))
            version += 1 + len(command.seen)
            times.append(command.times)
        return times

    async with writing(database.service) as one, writing(database.service) as two:
        times = await asyncio.gather(hammer(one, "one"), hammer(two, "two"))
    assert max(map(max, times)) == 1
    assert len(stored(database.service)) == 200
    check_whole(database.service)


async def test_what_was_missed_is_handed_over_in_order(database: Database) -> None:
    async with writing(database.service) as writer:
        await writer.append(append("w:a", 1, count=3))
        await writer.append(append("w:b", 1))
        first, second = Decided("first"), Decided("second")
        done = await outcomes(
            writer.append(first.append("w:a", 2)),
            writer.append(append("w:c", 1)),
            writer.append(second.append("w:b", 2)),
        )
    assert [type(outcome) for outcome in done] == [Appended] * 3
    assert [(row.stream, row.version, row.position) for row in first.seen] == [
        ("w:a", 2, 2),
        ("w:a", 3, 3),
    ]
    assert second.times == 0
    check_whole(database.service)


async def test_a_refusal_is_its_callers_alone(database: Database) -> None:
    def refuse() -> None:
        raise ValueError("not any more")

    async with writing(database.service) as writer:
        await writer.append(append("w:a", 1))
        done = await outcomes(
            writer.append(Decided("ours", then=refuse).append("w:a", 1)),
            writer.append(append("w:b", 1)),
        )
        alone = await outcomes(writer.append(Decided("again", then=refuse).append("w:a", 1)))
        assert await writer.append(append("w:c", 1)) == Appended(3, 3)
    assert [type(outcome) for outcome in (*done, *alone)] == [ValueError, Appended, ValueError]
    check_whole(database.service)


async def test_a_taken_message_id_stays_taken(database: Database) -> None:
    async with writing(database.service) as writer:
        await writer.append(append("w:a", 1, message_id="m"))
        with pytest.raises(MessageIdTaken):
            await writer.append(Decided("ours").append("w:a", 1, message_id="m"))
    check_whole(database.service)


async def test_one_lock_is_held_for_so_many_commands(database: Database) -> None:
    """What is beyond conflicts, as an append that cannot be decided again does."""
    streams = [f"w:{number}" for number in range(MOST_DECIDED + 10)]
    async with writing(database.service) as writer:
        await outcomes(*(writer.append(append(stream, 1)) for stream in streams))
        await outcomes(writer.append(append("w:0", 1)))  # conflicts are expected from now on
        done = await outcomes(*(writer.append(Decided("d").append(s, 1)) for s in streams))
    assert sum(isinstance(outcome, Appended) for outcome in done) >= MOST_DECIDED
    assert {type(outcome) for outcome in done} == {Appended, VersionConflict}
    check_whole(database.service)


async def test_who_is_far_behind_has_to_read_on(database: Database) -> None:
    async with writing(database.service) as writer:
        await writer.append(append("w:many", 1, count=MOST_BEHIND + 1))
        await writer.append(append("w:large", 1, text="x" * MOST_BYTES))
        for stream in ("w:many", "w:large"):
            command = Decided("late")
            with pytest.raises(VersionConflict):
                await writer.append(command.append(stream, 1))
            assert command.times == 0
        assert await writer.append(Decided("ours").append("w:many", 2)) == Appended(203, 203)
    check_whole(database.service)


async def test_a_lost_reply_to_what_was_decided_again_is_looked_up(database: Database) -> None:
    with FaultProxy(address(database.service)) as proxy:

        def lose() -> None:
            proxy.set("swallow")

        async with (
            writing(database.service) as other,
            writing(through(database.service, proxy)) as writer,
        ):
            await other.append(append("w:a", 1, count=2))
            command = Decided("ours", then=lose)
            assert await writer.append(command.append("w:a", 1)) == Appended(3, 3)
        assert (proxy.hits, command.times) == (1, 1)
    check_whole(database.service)


async def test_who_stands_still_under_the_lock_loses_it(database: Database) -> None:
    """Another writer gets on meanwhile, and nothing of what was decided is appended twice."""
    async with writing(database.service) as other, writing(database.service) as writer:
        await other.append(append("w:a", 1))
        with looking(database.superuser) as watching:
            command = Decided("ours", then=lambda: _until_ended(watching))
            assert (await writer.append(command.append("w:a", 1))).last_position == 2
    assert len(stored(database.service)) == 2
    check_whole(database.service)


def _until_ended(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Blocks the process, as one that is stopped does, until the server has ended its transaction."""
    idle = (
        "SELECT pid FROM pg_stat_activity"
        " WHERE state = 'idle in transaction' AND datname = current_database()"
    )
    held = connection.execute(idle).fetchall()
    assert len(held) == 1
    while connection.execute(idle).fetchall() == held:
        pass
