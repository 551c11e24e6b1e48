"""The deployed NATS as the processes prepare it; its users, and what it refuses them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import nats.errors
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from projections.relay.jetstream import connected, inbox_of
from projections.relay.readers import make_reader
from projections.relay.stream import STREAM, Bounds, create
from services.compaction.dead_letters import DeadLetters
from services.compaction.pulling import ensure_consumer
from services.compaction.worker import consumers
from tests.walls.nats_users import WORKSPACES, DeployedNats, deployed_nats

PATIENCE = 60.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedNats]:
    with deployed_nats(tmp_path_factory.mktemp("nats")) as running:
        asyncio.run(_prepare(running))
        yield running


async def _prepare(server: DeployedNats) -> None:
    """As the processes do it, each with its own user."""
    async with connected(server.url("relay"), "test") as relay:
        await create(relay.js, Bounds(seconds=1e9, bytes=1 << 24), 1)
        for n in range(12):
            workspace = ("acme", "rival", "third")[n % 3]
            await relay.js.publish(f"verbatim.v1.{workspace}.c.MessageAppended", b'{"n":%d}' % n)
    for workspace in WORKSPACES:
        assert await make_reader(server.url("relay"), workspace) == f"workspace_{workspace}"
    async with connected(server.url("compaction"), "test") as worker:
        await DeadLetters(worker.js).prepare()
        for config in consumers():
            await ensure_consumer(worker, STREAM, config)


class User:
    """A client, and what the server refused it."""

    def __init__(self) -> None:
        self.client = Client()
        self._refused: asyncio.Queue[Exception] = asyncio.Queue()

    async def refuse(self, error: Exception) -> None:
        self._refused.put_nowait(error)

    async def ask(self, subject: str, body: bytes = b"") -> Any:
        """None where nobody answers, or with an error, or where asking is refused: the server tells each."""
        while not self._refused.empty():
            self._refused.get_nowait()
        answer = asyncio.ensure_future(self.client.request(subject, body, timeout=PATIENCE))
        refusal = asyncio.ensure_future(self._refused.get())
        await asyncio.wait({answer, refusal}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            assert "permissions violation" in str(refusal.result()).lower()
            return None
        refusal.cancel()
        try:
            reply = json.loads((await answer).data)
        except nats.errors.NoRespondersError:
            return None
        return None if "error" in reply else reply

    async def pull(self, consumer: str) -> list[Msg]:
        """All that the consumer has now, until the server says so; empty where it is not this user's."""
        inbox = self.client.new_inbox()
        subscription = await self.client.subscribe(inbox)
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer}"
        await self.client.publish(subject, b'{"batch":100,"no_wait":true}', reply=inbox)
        found: list[Msg] = []
        while "Status" not in ((got := await subscription.next_msg(PATIENCE)).headers or {}):
            found.append(got)
        await subscription.unsubscribe()
        return found


@asynccontextmanager
async def as_user(server: DeployedNats, name: str) -> AsyncIterator[User]:
    url = server.url(name)
    user = User()
    await user.client.connect(
        url, inbox_prefix=inbox_of(url), allow_reconnect=False, error_cb=user.refuse
    )
    try:
        yield user
    finally:
        await user.client.close()


@asynccontextmanager
async def raw(server: DeployedNats, user: str) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """The bare protocol: sends a line, gives all that the server says to it."""
    address = urlsplit(server.url(user))
    reader, writer = await asyncio.open_connection(address.hostname, address.port)

    async def say(line: str) -> str:
        writer.write(f"{line}\r\nPING\r\n".encode() if line else b"PING\r\n")
        return (await reader.readuntil(b"PONG\r\n")).decode()

    try:
        given = {"user": address.username, "pass": address.password, "verbose": False}
        assert "-ERR" not in await say(f"CONNECT {json.dumps(given)}")
        yield say
    finally:
        writer.close()
        await writer.wait_closed()
