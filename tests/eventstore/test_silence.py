"""A database that is there and says nothing: who waits for it is told, and it is used again once it speaks."""

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from eventstore import reader
from eventstore.errors import Overloaded, Unavailable
from eventstore.reader import Connections
from tests.eventstore.support import append, check_whole, outcomes, stored, writing
from tests.faults.proxy import FaultProxy
from tests.servers import Database

HEAD = b"SELECT position FROM head"


@pytest.fixture
def proxy(database: Database) -> Iterator[FaultProxy]:
    with FaultProxy(("127.0.0.1", urlsplit(database.service).port or 5432)) as made:
        yield made


def through(database: Database, proxy: FaultProxy) -> str:
    port = urlsplit(database.service).port
    return database.service.replace(f":{port}/", f":{proxy.port}/")


async def test_readers_lose_their_patience(
    database: Database, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MOST_WAITING", 5)
    connections = Connections(through(database, proxy), name="test", size=2, patience=0.3)
    await connections.start()
    proxy.set("hang")
    done = await outcomes(*(connections.fetch(HEAD, {}) for _ in range(8)))
    assert [type(outcome) for outcome in done] == [Unavailable] * 6 + [Overloaded] * 2
    assert connections.use["waiting"] == 0  # who has no connection waits no longer
    proxy.set("pass")
    async with asyncio.timeout(20):
        while connections.use["busy"]:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert await connections.fetch(HEAD, {}) == [(0,)]
    await connections.stop()


async def test_connections_that_ended_while_idle_are_replaced_unnoticed(
    database: Database, proxy: FaultProxy
) -> None:
    connections = Connections(through(database, proxy), name="test", size=3)
    await connections.start()
    three = [connections.fetch(HEAD, {}) for _ in range(3)]
    assert await outcomes(*three) == [[(0,)]] * 3  # all are open
    proxy.cut()
    again = [connections.fetch(HEAD, {}) for _ in range(3)]
    assert await outcomes(*again) == [[(0,)]] * 3
    await connections.stop()


async def test_a_server_that_is_gone_is_told(database: Database, proxy: FaultProxy) -> None:
    connections = Connections(through(database, proxy), name="test", size=1)
    await connections.start()
    proxy.set("drop")
    (told,) = await outcomes(connections.fetch(HEAD, {}))
    assert type(told) is Unavailable
    proxy.set("pass")
    assert await connections.fetch(HEAD, {}) == [(0,)]
    await connections.stop()


async def test_the_writer_tells_who_waits(database: Database, proxy: FaultProxy) -> None:
    async with writing(through(database, proxy), give_up=0.2) as writer:
        await writer.append(append("w:a", 1))
        proxy.set("hang")
        sent = asyncio.create_task(outcomes(writer.append(append("w:a", 2, command="unknown"))))
        for _ in range(10):  # it is taken, and on its way
            await asyncio.sleep(0)
        queued = asyncio.create_task(outcomes(writer.append(append("w:b", 1, command="never"))))
        (unknown,), (never,) = await sent, await queued
        assert type(unknown) is type(never) is Unavailable
        (refused,) = await outcomes(writer.append(append("w:c", 1)))
        assert type(refused) is Unavailable
        proxy.set("pass")
        async with asyncio.timeout(20):
            while type((await outcomes(writer.append(append("w:d", 1))))[0]) is Unavailable:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    check_whole(database.service)
    streams = [row[1] for row in stored(database.service)]
    assert streams.count("w:a") == 2  # what was in flight landed, and once
    assert {"w:b", "w:c"}.isdisjoint(streams)
    assert streams.count("w:d") == 1
