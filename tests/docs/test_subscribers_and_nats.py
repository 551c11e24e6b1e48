"""The examples of docs/subscribers.md where NATS goes, forgets them, or is not there."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import nats
import pytest
from nats.errors import ConnectionClosedError

from deploy.embedded.folder import free_port
from deploy.embedded.nats import EmbeddedNats
from projections.relay.refill import refill
from tests.docs.following import (
    COUNT,
    PARQUET,
    appended,
    counting,
    loaded,
    log,
    rows_of,
    tokens,
    told,
)
from tests.projections.relay.conftest import server
from tests.projections.relay.support import GrowingLog, filled, wired
from tests.running import wait_until
from tests.servers import Database, running_nats

__all__ = ["log", "server"]


async def test_a_restarted_and_a_refilled_server_change_nothing(
    database: Database, tmp_path: Path
) -> None:
    """It goes on by its own position, on a server that has forgotten its consumer."""
    log = GrowingLog(database, 62, commands=600)
    log.grow(200)
    path = tmp_path / "counts.json"
    with running_nats(tmp_path / "nats") as server:
        await refill(wired(database, server), lambda *_: None)
        with counting(server, path):
            await asyncio.to_thread(wait_until, path.exists)
            server.stop()
            await asyncio.to_thread(server.start)
            log.grow()
            await refill(wired(database, server), lambda *_: None)
            whole = tokens(appended(database))
            await asyncio.to_thread(
                wait_until,
                lambda: told(path)["tokens"] == whole,
                otherwise=lambda: f"{told(path)} of {whole}",
            )


async def forget_consumer(server: EmbeddedNats) -> None:
    """As soon as there is one; as a server does that lost its disk, while a pull request waits."""
    async with await nats.connect(server.nats_url) as client, asyncio.timeout(30):
        js = client.jetstream()
        while not (consumers := await js.consumers_info("VERBATIM_EVENTS")):  # noqa: ASYNC110 - it is another process's
            await asyncio.sleep(0.05)
        for consumer in consumers:
            await js.delete_consumer("VERBATIM_EVENTS", consumer.name)


@pytest.mark.parametrize("program", [COUNT, PARQUET])
async def test_a_forgotten_consumer_is_made_anew(
    program: Path, database: Database, server: EmbeddedNats, log: GrowingLog, tmp_path: Path
) -> None:
    path = tmp_path / "results"
    with counting(server, path, program):
        await forget_consumer(server)
        log.grow()
        await filled(server, log.head)
        last = await asyncio.to_thread(lambda: appended(database))
        if program is COUNT:
            await asyncio.to_thread(wait_until, lambda: told(path)["tokens"] == tokens(last))
        else:
            await asyncio.to_thread(wait_until, lambda: rows_of(path) == len(last))


@pytest.mark.parametrize("program", [COUNT, PARQUET])
async def test_a_client_that_is_closed_is_not_tried_for_ever(
    program: Path, server: EmbeddedNats
) -> None:
    client = await nats.connect(server.nats_url)
    js = client.jetstream()
    await client.close()
    module = loaded(program)
    place = module.Counts(Path("none"), 1) if program is COUNT else 1
    with pytest.raises(ConnectionClosedError):
        async with asyncio.timeout(30):
            await module.renew(js, place)


@pytest.mark.parametrize("program", [COUNT, PARQUET])
def test_a_server_that_is_not_there_is_told_in_a_line(program: Path, tmp_path: Path) -> None:
    """And waited for: the program goes on until it is there."""
    process = subprocess.Popen(
        [sys.executable, program, tmp_path / "results"],
        env=os.environ | {"VERBATIM_NATS_URL": f"nats://127.0.0.1:{free_port()}"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(2)]
    finally:
        process.kill()
        process.communicate()
    assert all(line.startswith("NATS: ") and "Connect call failed" in line for line in lines), lines
