"""Servers that go, subscriptions that fall silent, a worker that is told to end."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import nats
import psycopg
import pytest

from deploy.embedded.nats import EmbeddedNats
from domain.published import STREAM
from projections.relay.errors import NatsUnavailable
from projections.relay.jetstream import connected
from services.compaction import pulling, worker
from tests.projections.relay.support import relaying, until, wired
from tests.running import wait_until
from tests.servers import Database, running_nats
from tests.services.compaction.whole import (
    compactions,
    letters,
    settings_of,
    started,
    talk,
    working,
)
from tests.services.compaction.working_world import (
    Model,
    acknowledged,
    api,
    by_model,
    models,
    relay,
    server,
)
from tests.services.gateway.model_server import ModelServer
from tests.services.support import Api

__all__ = ["api", "models", "relay", "server"]


async def test_a_worker_survives_a_killed_server(
    api: Api, database: Database, tmp_path: Path
) -> None:
    started(api, "c")
    with running_nats(tmp_path / "nats") as server:
        settings = settings_of(database, server)
        async with relaying(wired(database, server)), working(settings) as at_work:
            await until(lambda: at_work.counts.subscriptions == 1)
            assert server.child is not None
            server.child.kill()
            server.child.wait()
            await asyncio.to_thread(talk, api, "c", 30)
            await asyncio.to_thread(server.start)
            await until(lambda: len(compactions(database)) == 1)
            assert at_work.counts.subscriptions > 1


async def test_a_consumer_that_is_deleted_is_made_again(
    api: Api, database: Database, server: EmbeddedNats, relay: None
) -> None:
    started(api, "c")
    client = await nats.connect(server.nats_url)
    async with working(settings_of(database, server)) as at_work:
        await until(lambda: at_work.counts.subscriptions == 1)
        await client.jetstream().delete_consumer(STREAM, worker.DURABLE)
        await asyncio.to_thread(talk, api, "c", 30)
        await until(lambda: len(compactions(database)) == 1)
        assert at_work.counts.subscriptions > 1
    await client.close()


async def test_a_silent_subscription_is_noticed(
    server: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request reaches somebody who never answers, not even with a heartbeat."""
    monkeypatch.setattr(pulling, "SILENCE_SECONDS", 0.2)
    deaf = await nats.connect(server.nats_url)
    heard = await deaf.subscribe("$JS.API.CONSUMER.MSG.NEXT.NONE.deaf")
    await deaf.flush()

    async def room() -> int:
        return 1

    async with connected(server.nats_url, "test") as connection:
        with pytest.raises(NatsUnavailable, match="silent"):
            async for _ in pulling.pulled(connection, "NONE", "deaf", room):
                pass
    assert (await heard.next_msg(30)).data
    await deaf.close()


async def test_an_idle_subscription_is_not_taken_for_silent(
    server: EmbeddedNats, relay: None, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    """It hears heartbeats, and asks again when its request has ended."""
    monkeypatch.setattr(pulling, "EXPIRES_SECONDS", 0.5)
    monkeypatch.setattr(pulling, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(pulling, "SILENCE_SECONDS", 0.4)
    asked: list[float] = []

    async def room() -> int:
        asked.append(time.monotonic())
        return 1

    async def listen() -> None:
        async with connected(server.nats_url, "test") as connection:
            async with asyncio.timeout(30):
                while True:  # the relay makes the stream
                    try:
                        await pulling.ensure_consumer(connection, STREAM, worker.consumers()[0])
                        break
                    except nats.js.errors.NotFoundError:
                        await asyncio.sleep(0.02)
            async for _ in pulling.pulled(connection, STREAM, worker.DURABLE, room):
                raise AssertionError("there is nothing to hear")

    listening = asyncio.create_task(listen())
    await until(lambda: len(asked) == 4 or listening.done())
    assert not listening.done()
    listening.cancel()
    await asyncio.wait([listening])


async def test_a_lost_database_is_waited_for(
    api: Api, database: Database, server: EmbeddedNats, relay: None, models: ModelServer, caplog
) -> None:
    """Its connections are cut while the model writes: no attempt is spent, no letter written."""
    caplog.set_level(logging.WARNING)
    model = Model()
    model.gate.clear()
    started(api, "c")
    talk(api, "c", 30)
    settings = settings_of(database, server, compaction_attempts=1, **by_model(models, model))
    async with working(settings):
        await until(lambda: model.calls == 1)
        with psycopg.connect(database.superuser, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        model.gate.set()
        await until(lambda: len(compactions(database)) == 1)
        await acknowledged(server)
    assert await letters(server) == []


@contextmanager
def worker_process(
    database: Database, server: EmbeddedNats, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    environ = os.environ | {
        "VERBATIM_DATABASE_URL": database.service,
        "VERBATIM_NATS_URL": server.nats_url,
        **{f"VERBATIM_{name.upper()}": value for name, value in settings.items()},
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "compaction", "run"],
        env=environ,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


@asynccontextmanager
async def asking(model: Model, database: Database, server: EmbeddedNats, **settings: str):
    """A worker process in the middle of a summary."""
    with worker_process(database, server, **settings) as process:
        await asyncio.to_thread(wait_until, lambda: model.calls > 0, 60)
        yield process


async def test_sigterm_in_the_middle_of_a_summary(
    api: Api, database: Database, server: EmbeddedNats, relay: None, models: ModelServer
) -> None:
    """It ends at once, half of nothing is written, and the next worker has the message at once."""
    model = Model()
    model.gate.clear()
    started(api, "c")
    talk(api, "c", 30)
    by = by_model(models, model)
    async with asking(model, database, server, **by) as process:
        process.send_signal(signal.SIGTERM)
        _, logged = await asyncio.to_thread(process.communicate, timeout=10)
    assert process.returncode == 0
    assert b"Traceback" not in logged
    assert compactions(database) == []
    model.gate.set()
    async with working(settings_of(database, server, **by)):
        await until(lambda: len(compactions(database)) == 1, 20)  # below the consumer's patience
        await acknowledged(server)
    assert await letters(server) == []
