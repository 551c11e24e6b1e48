"""Filling a stream anew: with what, how far, and what its consumers see of it."""

import asyncio
import json

import nats
from nats.js.api import ConsumerConfig

from deploy.embedded.nats import EmbeddedNats
from projections.relay.refill import refill
from projections.relay.stream import STREAM, Bounds
from tests.projections.relay.support import (
    GrowingLog,
    check_whole,
    messages,
    noted,
    relaying,
    until,
    wired,
)
from tests.servers import Database


class TestRefill:
    async def test_without_a_relay_it_fills_the_stream_itself(
        self, database: Database, server: EmbeddedNats
    ) -> None:
        log = GrowingLog(database, 45, commands=800)
        log.grow()
        told: list[tuple[int, int]] = []
        for _ in range(2):  # where there is none, and where there is one
            await refill(wired(database, server), lambda *figures: told.append(figures))
            await check_whole(database, server)
        assert told[-1] == (log.head, log.head)

    async def test_beside_a_relay_that_has_nothing_new_to_publish(
        self, database: Database, server: EmbeddedNats
    ) -> None:
        """On a quiet log that one learns of the new stream only by its next event."""
        log = GrowingLog(database, 48, commands=800)
        log.grow(500)
        wiring = wired(database, server)
        async with relaying(wiring) as relay:
            await until(lambda: noted(database) == relay.position == log.head)
            await asyncio.wait_for(refill(wiring, lambda *_: None), 30)
            await check_whole(database, server)
            assert noted(database) == log.head
            log.grow()
            await until(lambda: noted(database) == relay.position == log.head)
        await check_whole(database, server)

    async def test_consumers_go_on_where_they_were(
        self, database: Database, server: EmbeddedNats
    ) -> None:
        log = GrowingLog(database, 46, commands=300)
        log.grow()
        wiring = wired(database, server)
        await refill(wiring, lambda *_: None)
        client = await nats.connect(server.nats_url)
        js = client.jetstream()
        config = ConsumerConfig(ack_wait=30, max_ack_pending=200)
        subscription = await js.pull_subscribe("", "reader", stream=STREAM, config=config)
        for message in await subscription.fetch(70, timeout=10):
            await message.ack_sync()
        await refill(wiring, lambda *_: None)
        rest = await subscription.fetch(1, timeout=10)
        assert rest[0].metadata.sequence.stream == 71
        assert json.loads(rest[0].data)["position"] == "71"
        await client.close()

    async def test_it_keeps_to_the_bounds(self, database: Database, server: EmbeddedNats) -> None:
        log = GrowingLog(database, 47, commands=3_000)
        log.grow()
        wiring = wired(database, server, bounds=Bounds(seconds=10**9, bytes=256 << 10))
        await refill(wiring, lambda *_: None)
        first = (await messages(server))[0][0]
        assert first > 1
        await check_whole(database, server, first=first)
