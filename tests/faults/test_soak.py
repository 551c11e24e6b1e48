"""A soak of a few seconds: `python -m tests.faults.soak` is the long one."""

from contextlib import closing
from pathlib import Path

from eventstore.appends import StoredRow
from eventstore.follower import Follower
from tests.eventstore.support import append, writing
from tests.faults.clients import Mix
from tests.faults.rig import rig
from tests.faults.soak import SETTINGS, soak
from tests.faults.watching import Seen
from tests.servers import Database

FEW = Mix(clients=3, conversations=10, sizes=(1, 5))
STRIKING = ("kill -9 command", "kill -9 PostgreSQL", "drop")


def test_nothing_is_lost_or_skipped(tmp_path: Path) -> None:
    with rig(tmp_path, **SETTINGS) as made:
        came = soak(made, 300, 1, 0.3, STRIKING, FEW, every=50)
    assert came.broken == []
    assert came.messages >= 300
    assert came.position >= came.messages
    assert came.breaks >= 1
    assert {*came.faults} == {*STRIKING}


async def test_what_a_follower_skips_is_told(database: Database) -> None:
    async with writing(database.service) as writer:
        for version in range(1, 6):
            await writer.append(append("w:a", version))
    with closing(Follower(database.service)) as follower:
        rows = follower.read(0)
    whole, skipping, twice = Seen(), Seen(), Seen()
    whole.take(rows)
    skipping.take([*rows[:2], *rows[3:]])
    twice.take([*rows[:2], *rows[1:]])
    assert whole.faults(database.service) == []
    assert skipping.faults(database.service)[0] == "after position 2 came 4"
    assert twice.faults(database.service)[0] == "after position 2 came 2"
    changed = Seen()
    changed.take([*rows[:4], StoredRow(5, "w:a", 5, rows[4].topic, b"{}")])
    assert changed.faults(database.service) == ["the follower saw another log than there is now"]
