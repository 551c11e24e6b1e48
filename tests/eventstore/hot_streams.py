"""A process that appends to hot streams: run by `test_two_processes.py`, several at once."""

import asyncio
import random
import sys

from eventstore.errors import VersionConflict
from eventstore.reader import LogReader
from eventstore.writer import GroupCommitWriter
from tests.eventstore.support import append


async def hammer(dsn: str, name: str, streams: int, appends: int) -> None:
    """Each append knows a version and may be wrong: then it reads on and tries again. Prints what was accepted."""
    writer, reader = GroupCommitWriter(dsn), LogReader(dsn)
    await writer.start()
    await reader.start()
    chance = random.Random(name)
    conflicts = 0

    async def one(number: int) -> None:
        nonlocal conflicts
        stream = f"w:{chance.randrange(streams)}"
        count = chance.randrange(1, 4)
        while True:
            rows = await reader.stream_page(stream, 0, 100_000)
            try:
                placed = await writer.append(
                    append(stream, len(rows) + 1, command=f"{name}-{number}", count=count)
                )
            except VersionConflict:
                conflicts += 1
                continue
            print("accepted", stream, len(rows) + 1, count, placed.first_position, flush=True)
            return

    for start in range(0, appends, 16):
        await asyncio.gather(*(one(start + offset) for offset in range(16)))
    await writer.stop()
    await reader.stop()
    print("conflicts", conflicts, flush=True)


if __name__ == "__main__":
    asyncio.run(hammer(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
