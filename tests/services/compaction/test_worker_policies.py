"""A policy that changes while nobody writes: what is past the new trigger is compacted now."""

import asyncio
from pathlib import Path

import nats
import pytest
from nats.js.api import ConsumerInfo
from typing_extensions import override

from deploy.embedded.nats import EmbeddedNats
from domain.events import CompactionPolicyChanged
from domain.published import STREAM
from eventstore.mapper import EventMapper
from projections.relay.jetstream import connected
from projections.relay.stream import Bounds, create
from services.compaction import worker
from services.compaction.jobs import Patience
from services.compaction.pulling import ensure_consumer
from services.compaction.worker import Worker
from tests.projections.relay.support import log_rows, until
from tests.servers import Database, running
from tests.services.compaction.policies import FAR, changed, tokens
from tests.services.compaction.whole import (
    compactions,
    letters,
    settings_of,
    started,
    talk,
    working,
)
from tests.services.compaction.working_world import (
    acknowledged,
    api,
    relay,
    server,
)
from tests.services.support import Api
from tests.walls.nats_users import DeployedNats

__all__ = ["api", "relay", "server"]


async def test_a_trigger_that_is_lowered(
    api: Api, database: Database, server: EmbeddedNats, relay: None
) -> None:
    """Below what the context costs, at first and again, though no message comes and it was compacted already."""
    started(api, "c", trigger_tokens=FAR)
    talk(api, "c", 30)
    async with working(settings_of(database, server)) as at_work:
        await until(lambda: at_work.counts.subscriptions == 1)
        await acknowledged(server)
        assert compactions(database) == []
        for number, trigger in enumerate((600, 200), 1):
            await asyncio.to_thread(changed, api, "c", trigger_tokens=trigger)
            await until(lambda number=number: len(compactions(database)) == number)
            assert tokens(api, "c") < trigger
        await asyncio.to_thread(changed, api, "c", trigger_tokens=FAR)
        await acknowledged(server)
    done = compactions(database)
    assert [each.event.trigger for each in done] == ["automatic"] * 2
    causes = {r.meta.event_id: r.event for r in map(EventMapper().recorded, log_rows(database))}
    assert all(isinstance(causes[r.meta.causation], CompactionPolicyChanged) for r in done)
    assert await letters(server) == []


async def test_a_strategy_where_there_was_none(
    api: Api, database: Database, server: EmbeddedNats, relay: None
) -> None:
    started(api, "c", strategy="none")
    talk(api, "c", 30)
    async with working(settings_of(database, server)) as at_work:
        await until(lambda: at_work.counts.subscriptions == 1)
        await acknowledged(server)
        await asyncio.to_thread(changed, api, "c", strategy="hybrid")
        await until(lambda: len(compactions(database)) == 1)


async def test_a_consumer_that_an_older_worker_left_goes_on(
    api: Api, database: Database, server: EmbeddedNats, relay: None
) -> None:
    """The worker hears of changes beside it, and of the messages that came meanwhile by it."""
    started(api, "early")
    talk(api, "early", 2)
    started(api, "late", trigger_tokens=FAR)
    talk(api, "late", 30)
    old, _ = worker.consumers()
    async with connected(server.nats_url, "test") as connection:

        async def left() -> ConsumerInfo:
            return await connection.js.consumer_info(STREAM, old.durable_name)

        async with asyncio.timeout(30):
            while True:  # the relay makes the stream
                try:
                    await ensure_consumer(connection, STREAM, old)
                    break
                except nats.js.errors.NotFoundError:
                    await asyncio.sleep(0.02)
        made = (await left()).created
        talk(api, "early", 28, 2)
        changed(api, "late", trigger_tokens=600)
        async with working(settings_of(database, server)):
            await until(lambda: len(compactions(database)) == 2)
            await acknowledged(server)
        assert (await left()).created == made
    assert {each.conversation for each in compactions(database)} == {"early", "late"}


class Older(DeployedNats):
    """As `deploy/nats/nats.conf` was before there was a consumer of changes."""

    @override
    def _configuration(self) -> str:
        lines = super()._configuration().splitlines()
        return "\n".join(line for line in lines if worker.POLICIES not in line)


async def test_a_server_that_does_not_allow_it_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def never(*_: object) -> None:
        raise AssertionError("there is nothing to hear")

    stop = asyncio.Event()
    with running(Older, tmp_path / "nats") as older:
        async with connected(older.url("relay"), "test") as connection:
            await create(connection.js, Bounds(seconds=1e9, bytes=1 << 24), 1)
        at_work = Worker(older.url("compaction"), never, at_once=1, patience=Patience(1, 1))
        task = asyncio.create_task(at_work.run(stop))
        try:
            await until(lambda: "compaction waits" in caplog.text)
        finally:
            stop.set()
            await task
    assert "permissions violation for publish" in caplog.text
    assert worker.POLICIES in caplog.text
