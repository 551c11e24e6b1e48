"""Publishes from one position on, over one connection, many events ahead of their acknowledgements."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import msgspec
from nats.aio.msg import Msg

from projections.relay.errors import NatsUnavailable, Refused
from projections.relay.jetstream import Nats
from projections.relay.log import Log
from projections.relay.outgoing import Outbox, Outgoing
from projections.relay.stream import STREAM
from projections.relay.together import until_one_ends

WINDOW = 4
"""Pages on their way at a time."""

ACK_SECONDS = 10.0
"""After so long without an answer the connection is given up."""

WRONG_SEQUENCE = frozenset({10071, 10164})
"""The server's codes for an event that does not stand right behind the last one, the second in a cluster."""


class _Error(msgspec.Struct):
    err_code: int = 0
    description: str = ""


class _Answer(msgspec.Struct):
    """To a published message."""

    seq: int = 0
    error: _Error | None = None


class Pump:
    """`position` is the last one that is known to be in the stream."""

    def __init__(self, nats: Nats, log: Log, outbox: Outbox, position: int) -> None:
        self._nats = nats
        self._log = log
        self._outbox = outbox
        self.position = position
        self._page_ends: deque[int] = deque()
        self._room = asyncio.Semaphore(WINDOW)
        self._decode = msgspec.json.Decoder(_Answer).decode
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self._last_sign = loop.time()
        self._over: asyncio.Future[None] = loop.create_future()

    async def run(self) -> None:
        """Until the position behind the last known one is refused, as the stream stands elsewhere than thought.

        Raises Refused, NatsUnavailable, what the client raises, psycopg.OperationalError.
        """
        inbox = self._nats.client.new_inbox()
        answers = await self._nats.subscribe(f"{inbox}.*", self._answered)
        await until_one_ends(
            self._publish(inbox), self._watch(), self._ended(), self._nats.failure()
        )
        await answers.unsubscribe()

    async def _publish(self, inbox: str) -> None:
        publish = self._nats.client.publish
        async with aclosing(self._pages()) as pages:
            async for page in pages:
                await self._room.acquire()
                if not self._page_ends:
                    self._last_sign = self._clock()
                self._page_ends.append(page[-1].position)
                for event in page:
                    reply = f"{inbox}.{event.position}"
                    await publish(event.subject, event.payload, reply, event.headers)
                await asyncio.sleep(0)  # publishing only fills a buffer: now it is sent

    async def _pages(self) -> AsyncGenerator[list[Outgoing]]:
        """The next page is read and made ready while one is published."""
        after = self.position
        reading = asyncio.create_task(self._log.page(after, self._outbox))
        try:
            while True:
                page = await reading
                after = page[-1].position if page else after
                reading = asyncio.create_task(self._log.page(after, self._outbox))
                if page:
                    yield page
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

    async def _answered(self, message: Msg) -> None:
        """Answers come in the order of the events: the first refusal is the one that counts."""
        if self._over.done():
            return
        if not message.data:
            self._over.set_exception(Refused(f"NATS: no stream takes the subjects of {STREAM}"))
            return
        answer = self._decode(message.data)
        wanted = int(message.subject.rpartition(".")[2])
        if answer.error is None and answer.seq == wanted:
            self._reached(wanted)
        elif answer.error is None or answer.error.err_code in WRONG_SEQUENCE:
            self._over.set_result(None)
        else:
            self._over.set_exception(
                Refused(f"NATS does not store position {wanted}: {answer.error.description}")
            )

    def _reached(self, position: int) -> None:
        self.position = position
        self._last_sign = self._clock()
        if position == self._page_ends[0]:
            self._page_ends.popleft()
            self._room.release()

    async def _ended(self) -> None:
        await self._over

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(1)
            if self._page_ends and self._clock() - self._last_sign > ACK_SECONDS:
                raise NatsUnavailable(f"NATS: no answer for {ACK_SECONDS:g} s")
