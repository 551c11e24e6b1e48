"""What a relay does with a stream that does not belong to its log."""

import logging

import nats
import pytest

from deploy.embedded.nats import EmbeddedNats
from projections.relay.refill import refill
from projections.relay.stream import STREAM
from tests.projections.relay.support import (
    GrowingLog,
    check_whole,
    filled,
    messages,
    relaying,
    until,
    wired,
)
from tests.servers import Database


class TestAnotherLog:
    """A stream that does not belong to this log is left as it is until somebody says that it may go."""

    @pytest.fixture(autouse=True)
    def _quiet(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)

    async def test_a_stream_that_is_ahead(
        self, database: Database, server: EmbeddedNats, caplog: pytest.LogCaptureFixture
    ) -> None:
        log = GrowingLog(database, 42, commands=200)
        log.grow(100)
        await self._fill_with_another(server, upto=150)
        before = await messages(server)
        async with relaying(wired(database, server)):
            await until(lambda: "ends at position 150, the log at 100" in caplog.text)
            assert "`verbatim relay refill`" in caplog.text
            assert await messages(server) == before

    async def test_a_stream_of_other_events(
        self, database: Database, server: EmbeddedNats, caplog: pytest.LogCaptureFixture
    ) -> None:
        log = GrowingLog(database, 43, commands=200)
        log.grow(100)
        await self._fill_with_another(server, upto=50)
        before = await messages(server)
        async with relaying(wired(database, server)) as relay:
            await until(
                lambda: "position 50 of VERBATIM_EVENTS is not that of the log" in caplog.text
            )
            assert await messages(server) == before
            await refill(wired(database, server), lambda *_: None)
            log.grow()
            await until(lambda: relay.position == log.head)
        await check_whole(database, server)

    async def test_somebody_else_publishes(
        self, database: Database, server: EmbeddedNats, caplog: pytest.LogCaptureFixture
    ) -> None:
        log = GrowingLog(database, 44, commands=200)
        log.grow(50)
        client = await nats.connect(server.nats_url)
        async with relaying(wired(database, server)) as relay:
            await until(lambda: relay.position == log.head)
            await client.jetstream().publish("verbatim.v1.w.c.Foreign", b"{}")
            log.grow(50)
            await until(lambda: "is not that of the log" in caplog.text)
        await client.close()
        await refill(wired(database, server), lambda *_: None)
        await check_whole(database, server)

    async def _fill_with_another(self, server: EmbeddedNats, upto: int) -> None:
        client = await nats.connect(server.nats_url)
        js = client.jetstream()
        await js.add_stream(name=STREAM, subjects=["verbatim.v1.>"])
        for number in range(upto):
            await client.publish(
                "verbatim.v1.w.c.Any", b"{}", headers={"Nats-Msg-Id": f"o{number}"}
            )
        await filled(server, upto)
        await client.close()
