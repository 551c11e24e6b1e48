"""Deliveries to the worker that come again, late, and in another order than the log's."""

import asyncio
import random
import signal
from contextlib import suppress
from typing import Any

import nats
import nats.errors
from nats.aio.msg import Msg

from domain.published import STREAM
from services.compaction.worker import DURABLE
from tests.faults.strike import Strike

WANTED = 20
"""Deliveries that are taken away from the worker."""


def redelivered(on: Strike) -> str:
    """Others take the worker's deliveries and give them back shuffled, some late; then its consumer is gone."""
    on.rig.signal("compaction", signal.SIGSTOP)
    connected = Away(on.rig.nats.nats_url)
    loop = asyncio.new_event_loop()
    try:
        taken = loop.run_until_complete(connected.take(WANTED))
        on.rig.signal("compaction", signal.SIGCONT)
        loop.run_until_complete(connected.give_back(taken, on.chance))
        on.last()
        loop.run_until_complete(connected.forget())
        on.last()
    finally:
        on.rig.signal("compaction", signal.SIGCONT)
        loop.run_until_complete(connected.close())
        loop.close()
    on.rig.wait("compaction")
    return f"gave {len(taken)} deliveries back in another order, and all of them again"


class Away:
    """A second subscriber of the worker's consumer."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Any = None

    async def take(self, wanted: int) -> list[Msg]:
        self._client = await nats.connect(self._url)
        subscription = await self._client.jetstream().pull_subscribe_bind(DURABLE, STREAM)
        taken: list[Msg] = []
        async with asyncio.timeout(30):
            while len(taken) < wanted:
                with suppress(nats.errors.TimeoutError):
                    taken += await subscription.fetch(wanted - len(taken), timeout=1)
        return taken

    async def give_back(self, taken: list[Msg], chance: random.Random) -> None:
        chance.shuffle(taken)
        for message in taken:
            await message.nak(delay=chance.choice([None, None, 0.2, 1.0]))
        await self._client.flush()

    async def forget(self) -> None:
        """The server knows of no acknowledgement any more: the last of each conversation come again."""
        assert await self._client.jetstream().delete_consumer(STREAM, DURABLE)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
