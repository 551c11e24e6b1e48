"""What the relay survives: NATS killed, emptied, full, shut; the database gone; others at the same work."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import nats
import psycopg
import pytest
from nats.js.api import ConsumerConfig, DiscardPolicy

from deploy.embedded.nats import EmbeddedNats
from projections.relay.status import relay_status
from projections.relay.stream import STREAM
from tests.projections.relay.support import (
    GrowingLog,
    check_whole,
    filled,
    relaying,
    until,
    wired,
)
from tests.servers import Database, running_nats


async def test_nats_killed_and_started_again(database: Database, tmp_path: Path) -> None:
    log = GrowingLog(database, 31, commands=2_500)
    log.grow(500)
    with running_nats(tmp_path / "nats") as server:
        async with relaying(wired(database, server)) as relay:
            for _ in range(3):
                before = relay.position
                log.grow(500)
                await until(lambda before=before: relay.position > before)
                assert server.child is not None
                server.child.kill()
                server.child.wait()
                log.grow(20)
                await asyncio.to_thread(server.start)
            log.grow()
            await until(lambda: relay.position == log.head)
        await check_whole(database, server)


async def test_a_store_that_is_deleted_is_filled_again(database: Database, tmp_path: Path) -> None:
    log = GrowingLog(database, 32, commands=600)
    log.grow(500)
    with running_nats(tmp_path / "nats") as server:
        async with relaying(wired(database, server)) as relay:
            await until(lambda: relay.position == log.head)
            server.stop()
            shutil.rmtree(tmp_path / "nats" / "nats" / "jetstream")
            log.grow()
            await asyncio.to_thread(server.start)
            await filled(server, log.head)
        await check_whole(database, server)


async def test_a_tail_that_was_lost_is_filled_again(database: Database, tmp_path: Path) -> None:
    """An older copy of the store comes back, as after a power cut: JetStream answers before it syncs."""
    log = GrowingLog(database, 33, commands=600)
    log.grow(200)
    store, copy = tmp_path / "nats" / "nats" / "jetstream", tmp_path / "copy"
    with running_nats(tmp_path / "nats") as server:
        async with relaying(wired(database, server)) as relay:
            await until(lambda: relay.position == log.head)
            server.stop()
            shutil.copytree(store, copy)
            await asyncio.to_thread(server.start)
            log.grow()
            await until(lambda: relay.position == log.head)
            server.stop()
            shutil.rmtree(store)
            shutil.copytree(copy, store)
            await asyncio.to_thread(server.start)
            assert (await relay_status(database.service, server.nats_url)).lag > 0
            await filled(server, log.head)
        await check_whole(database, server)


async def test_a_deleted_stream_is_made_again(database: Database, server: EmbeddedNats) -> None:
    log = GrowingLog(database, 34, commands=300)
    log.grow(200)
    client = await nats.connect(server.nats_url)
    async with relaying(wired(database, server)) as relay:
        await until(lambda: relay.position == log.head)
        await client.jetstream().delete_stream(STREAM)
        log.grow()
        await filled(server, log.head)
    await client.close()
    await check_whole(database, server)


async def test_two_relays_at_once(database: Database, server: EmbeddedNats) -> None:
    log = GrowingLog(database, 35, commands=3_000)
    wiring = wired(database, server)
    async with relaying(wiring, leading=False) as one, relaying(wiring, leading=False) as other:
        while log.left:
            log.grow(100)
            await asyncio.sleep(0)
        await until(lambda: one.position == log.head or other.position == log.head)
    await check_whole(database, server)


async def test_a_second_relay_stands_by_and_takes_over(
    database: Database, server: EmbeddedNats
) -> None:
    log = GrowingLog(database, 36, commands=300)
    wiring = wired(database, server)
    async with relaying(wiring) as first:
        log.grow(100)
        await until(lambda: first.position == log.head)
        async with relaying(wiring) as second:
            log.grow(100)
            await until(lambda: first.position == log.head)
            assert second.position == 0
            await _cut_off(database)
            log.grow()
            await until(lambda: log.head in {first.position, second.position})
    await check_whole(database, server)


async def _cut_off(database: Database) -> None:
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )


@contextmanager
def relay_process(database: Database, server: EmbeddedNats) -> Iterator[subprocess.Popen[bytes]]:
    environ = os.environ | {
        "VERBATIM_DATABASE_URL": database.service,
        "VERBATIM_NATS_URL": server.nats_url,
        "VERBATIM_STREAM_MAX_DAYS": "10000",
    }
    command = [sys.executable, "-m", "services.cli", "relay", "run"]
    process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_a_relay_that_was_paused_for_long(database: Database, server: EmbeddedNats) -> None:
    """It is stopped in the middle of its work and loses its lock; another goes on; then it wakes up."""
    log = GrowingLog(database, 37, commands=4_000)
    log.grow(3_000)
    with relay_process(database, server) as paused:
        await filled(server, 1)
        paused.send_signal(signal.SIGSTOP)
        await _cut_off(database)
        async with relaying(wired(database, server)) as other:
            log.grow(500)
            await until(lambda: other.position == log.head)
            paused.send_signal(signal.SIGCONT)
            log.grow()
            await until(lambda: other.position == log.head)
        paused.terminate()
        assert await asyncio.to_thread(paused.wait, 10) == 0
    await check_whole(database, server)


async def test_a_lost_database(database: Database, server: EmbeddedNats) -> None:
    log = GrowingLog(database, 38, commands=600)
    async with relaying(wired(database, server)) as relay:
        while log.left:
            log.grow(100)
            await until(lambda: relay.position > log.head - 100)
            with psycopg.connect(database.superuser, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        await until(lambda: relay.position == log.head)
    await check_whole(database, server)


async def test_a_full_stream_holds_the_relay_up_and_loses_nothing(
    database: Database, server: EmbeddedNats, caplog: pytest.LogCaptureFixture
) -> None:
    log = GrowingLog(database, 39, commands=300)
    log.grow(200)
    client = await nats.connect(server.nats_url)
    js = client.jetstream()
    async with relaying(wired(database, server)) as relay:
        await until(lambda: relay.position == log.head)
        config = (await js.stream_info(STREAM)).config
        full = replace(config, discard=DiscardPolicy.NEW, max_msgs=log.head + 5)
        await js.update_stream(full)
        log.grow()
        await until(lambda: "maximum messages exceeded" in caplog.text)
        assert (await js.stream_info(STREAM)).state.last_seq == full.max_msgs
        await js.update_stream(config)
        await until(lambda: relay.position == log.head)
    await client.close()
    await check_whole(database, server)


async def test_subjects_that_it_may_not_use(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = GrowingLog(database, 40, commands=100)
    log.grow()
    with running_nats(tmp_path / "nats") as server:
        configuration = tmp_path / "nats" / "nats" / "nats.conf"
        allowed = configuration.read_text("utf-8")
        told = re.sub(
            r"authorization \{(.*)\}",
            r'authorization { users: [ {\1, permissions: { publish: { deny: "verbatim.>" } } } ] }',
            allowed,
        )
        assert told != allowed
        assert server.child is not None
        configuration.write_text(told, "utf-8")
        server.child.send_signal(signal.SIGHUP)
        async with relaying(wired(database, server)) as relay:
            await until(lambda: "permissions violation for publish" in caplog.text)
            server.stop()
            await asyncio.to_thread(server.start)  # with the configuration of before
            await until(lambda: relay.position == log.head)
        await check_whole(database, server)


async def test_a_consumer_that_lags_holds_nobody_up(
    database: Database, server: EmbeddedNats
) -> None:
    log = GrowingLog(database, 41, commands=1_500)
    client = await nats.connect(server.nats_url)
    async with relaying(wired(database, server)) as relay:
        await until(lambda: client.is_connected and relay.position == 0)
        log.grow(10)
        await until(lambda: relay.position == log.head)
        slow = await client.jetstream().pull_subscribe(
            "", "slow", stream=STREAM, config=ConsumerConfig(max_ack_pending=1)
        )
        log.grow()
        await until(lambda: relay.position == log.head)
        for position in range(1, 21):
            (message,) = await slow.fetch(1, timeout=10)
            assert message.metadata.sequence.stream == position
            await message.ack()
    await client.close()
    await check_whole(database, server)
