"""Memory while events pass: the writer and a follower in one process."""

import asyncio
import os
from pathlib import Path

import uvloop

from bench.contestants import command_of
from bench.support import table, tell
from deploy.embedded.postgres import EmbeddedPostgres
from eventstore.follower import Follower
from eventstore.mapper import EventMapper
from eventstore.writer import GroupCommitWriter

STEPS = 10


def flat(postgres: EmbeddedPostgres, events: int) -> None:
    tell(f"memory while {events:,} events pass")
    figures = uvloop.run(_pass(postgres.database_url, events))
    print(f"Resident memory, MiB, while {events:,} events are appended and followed.\n")
    table(
        ["at the start", *(f"{events * step // STEPS:,}" for step in range(1, STEPS + 1))],
        [[f"{figure / 1024:.0f}" for figure in figures]],
    )


async def _pass(dsn: str, events: int) -> list[int]:
    writer, follower, mapper = GroupCommitWriter(dsn), Follower(dsn), EventMapper()
    await writer.start()
    figures = [resident_kib()]
    after = 0
    for step in range(STEPS):
        for _ in range(events // STEPS // 500):
            await asyncio.gather(*(writer.append(command_of(extras=True)) for _ in range(500)))
            while page := follower.read(after):
                for row in page:
                    mapper.recorded(row)
                after = page[-1].position
        figures.append(resident_kib())
        tell(f"  {events * (step + 1) // STEPS:,} events: {figures[-1] / 1024:.0f} MiB")
    await writer.stop()
    follower.close()
    return figures


def resident_kib() -> int:
    """Of this process."""
    pages = int(Path(f"/proc/{os.getpid()}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
