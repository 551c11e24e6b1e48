"""The log as the relay reads it: the follower, on a thread of its own, and each event made ready there."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from eventstore.follower import POLL, Follower
from projections.checkpoints import RELAY_PREFIX
from projections.leading import RELAY, lead
from projections.relay.outgoing import Outbox, Outgoing
from projections.relay.retention import first_position
from projections.relay.stream import Bounds

MOST_EVENTS = 1_000
PAGE_BYTES = 4 << 20
"""About what a page may hold: one of huge events is shorter."""

ResultT = TypeVar("ResultT")


class Log:
    """One job at a time, in the order of the calls. A cancelled caller leaves its job to end by itself."""

    def __init__(self, follower: Follower, thread: ThreadPoolExecutor) -> None:
        self._follower = follower
        self._thread = thread
        self._most = MOST_EVENTS
        self._news = asyncio.Event()

    async def do(self, job: Callable[[Follower], ResultT]) -> ResultT:
        """On the thread. Raises psycopg.OperationalError."""

        def work() -> tuple[ResultT, bool]:
            return job(self._follower), self._follower.wait(0)

        result, hinted = await asyncio.get_running_loop().run_in_executor(self._thread, work)
        if hinted:  # it came along with the job's answer, and is not heard again
            self._news.set()
        return result

    async def head(self) -> int:
        return await self.do(Follower.head)

    async def lead(self) -> bool:
        """Become the relay of this database, if there is none."""
        return await self.do(lambda follower: lead(follower.connection, RELAY))

    async def page(self, after: int, outbox: Outbox) -> list[Outgoing]:
        """The next events after a position, ready to go out; waits a poll long for the first of them."""
        self._news.clear()
        page = await self.do(lambda follower: self._page(follower, after, outbox))
        if page:
            return page
        await self._hint()
        return await self.do(lambda follower: self._page(follower, after, outbox))

    async def _hint(self) -> None:
        """A poll long at most. Not on the thread: nobody can cancel what runs there."""
        loop, descriptor = asyncio.get_running_loop(), self._follower.fileno()
        loop.add_reader(descriptor, self._news.set)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL):
                    await self._news.wait()
        finally:
            loop.remove_reader(descriptor)

    def _page(self, follower: Follower, after: int, outbox: Outbox) -> list[Outgoing]:
        rows = follower.read(after, after + self._most)
        if rows:
            average = sum(len(row.state) for row in rows) // len(rows) + 1
            self._most = max(1, min(MOST_EVENTS, PAGE_BYTES // average))
        return [outbox.made(row) for row in rows]

    async def event_id_at(self, position: int, outbox: Outbox) -> str:
        """The id that the event at a position has."""
        rows = await self.do(lambda follower: follower.read(position - 1, position))
        return outbox.made(rows[0]).event_id

    async def first_position(self, outbox: Outbox, bounds: Bounds) -> int:
        """Where a new stream begins."""
        return await self.do(lambda follower: first_position(follower, outbox, bounds))

    async def note(self, stream: str, position: int) -> None:
        """Say how far the stream is, for health and metrics."""
        await self.do(
            lambda follower: follower.connection.execute(
                "INSERT INTO readmodels.tracking AS t (name, position) VALUES (%s, %s)"
                " ON CONFLICT (name) DO UPDATE SET position = excluded.position",
                [RELAY_PREFIX + stream, position],
            )
        )


@asynccontextmanager
async def opened(dsn: str) -> AsyncGenerator[Log]:
    """Raises psycopg.OperationalError, then and inside."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="relay log")
    opening = thread.submit(lambda: Follower(dsn, page=MOST_EVENTS))
    try:
        yield Log(await asyncio.wrap_future(opening), thread)
    finally:
        # Behind a job that may still run, such as one whose caller was cancelled.
        await asyncio.shield(asyncio.wrap_future(thread.submit(_close, opening)))
        thread.shutdown(wait=False)


def _close(opening: Future[Follower]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
