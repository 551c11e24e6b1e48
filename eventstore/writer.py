"""The writer of the HTTP path: group commit over one connection.

While one batch is on its way to the disk, commands queue; together they are the next batch. A conflict
concerns its own command only. A reply that never arrives is looked up by the command's id.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import psycopg
from psycopg.errors import IdleInTransactionSessionTimeout, OperationalError, UniqueViolation

from eventstore.appends import Append, Appended
from eventstore.batch import Pending, Told, take
from eventstore.errors import Overloaded, Unavailable
from eventstore.flusher import Flusher
from eventstore.hint import Hinter

log = logging.getLogger(__name__)

WARY_BATCHES = 4
"""How many batches after a conflict go under the head's lock at once: conflicts come in bursts, and a plain
append that fails costs more than the lock does."""


class GroupCommitWriter:
    """Appends commands in batches.

    `max_batch` and `max_queue` count events and commands; `give_up` is how many seconds a lost database
    is tried for, or a silent one is waited for, before the waiting commands are told; `key_lifetime` is how long idempotency keys are
    kept, as a PostgreSQL interval; `flushed` is told the events and the seconds of each commit.
    """

    def __init__(
        self,
        dsn: str,
        *,
        max_batch: int = 512,
        max_queue: int = 10_000,
        give_up: float = 10.0,
        key_lifetime: str = "24 hours",
        flushed: Callable[[int, float], None] = lambda _events, _seconds: None,
    ) -> None:
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._give_up = give_up
        self._flushed = flushed
        self._queue: deque[Pending] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._wary = 0
        self._flusher = Flusher(dsn, key_lifetime=key_lifetime)
        self._task: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._batch: list[Pending] = []
        self._since: float | None = None
        """When the batch in flight was sent."""
        self._silent = False
        """Whether the database has not answered for too long: until it does, appends are refused."""
        self._hinter = Hinter(dsn)

    async def start(self) -> None:
        """Raises psycopg.OperationalError where there is no server."""
        await self._flusher.connect()
        self._hinter.start()
        self._task = asyncio.create_task(self._run(), name="group commit writer")
        self._watch = asyncio.create_task(self._watching(), name="writer's patience")

    async def stop(self) -> None:
        """Flush what is queued and close; appends from now on are refused."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
        if self._watch is not None:
            self._watch.cancel()
        await self._hinter.stop()
        await self._flusher.close()

    @property
    def queued(self) -> int:
        """Commands that wait for a batch."""
        return len(self._queue)

    @property
    def is_behind(self) -> bool:
        """Whether more waits than the next batch takes."""
        return len(self._queue) > 1 and (
            sum(len(pending.append.events) for pending in self._queue) > self._max_batch
        )

    async def append(self, command: Append) -> Appended:
        """Append all events of the command, durably, or nothing.

        Raises VersionConflict, MessageIdTaken, KeyTaken, Overloaded, Unavailable. A caller that is
        cancelled does not cancel the write.
        """
        future: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        self.post(command, future)
        return await future

    def post(self, command: Append, told: Told) -> None:
        """As `append`, for who does not wait. Raises Overloaded, Unavailable where it was not begun."""
        if self._stopping:
            raise Unavailable("the service is stopping; try again shortly")
        if self._silent:
            raise Unavailable(_SILENT)
        if len(self._queue) >= self._max_queue:
            raise Overloaded(Overloaded.__doc__)
        self._queue.append(Pending(command, told))
        self._wake.set()

    async def _run(self) -> None:
        while True:
            if not self._queue:
                if self._stopping:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            started = time.perf_counter()
            self._batch, self._since = [], started
            try:
                await self._flush()
                self._hinter.hint()
                events = sum(len(pending.append.events) for pending in self._batch)
                self._flushed(events, time.perf_counter() - started)
            except (OperationalError, IdleInTransactionSessionTimeout) as error:
                await self._lost(self._batch or self._take(), error)
            except Exception:
                log.exception("an append failed")
                _fail(
                    self._batch or self._take(), Unavailable("the append failed; try again shortly")
                )
            self._since = None

    def _take(self) -> list[Pending]:
        self._batch = take(self._queue, self._max_batch)
        return self._batch

    async def _flush(self) -> None:
        if self._wary == 0:
            try:
                return await self._flusher.plainly(self._take())
            except UniqueViolation:
                self._queue.extendleft(reversed(self._batch))
                self._batch = []
                self._wary = WARY_BATCHES
        self._wary -= 1
        if await self._flusher.under_lock(self._take):
            self._wary = WARY_BATCHES
        return None

    async def _watching(self) -> None:
        """Who waits for a silent database is told. What is in flight may still land: its commands are unknown."""
        while True:
            await asyncio.sleep(1)
            since = self._since
            self._silent = since is not None and time.perf_counter() - since > self._give_up
            if self._silent:
                waiting = [*self._batch, *self._queue]
                self._queue.clear()
                _fail(waiting, Unavailable(_SILENT))

    async def _lost(self, batch: list[Pending], error: psycopg.Error) -> None:
        """The connection broke, or the server said no. Broken: nobody knows whether the batch landed."""
        waiting = [pending for pending in batch if not pending.future.done()]
        if self._flusher.connected:
            log.error("the database refused a batch: %s", error)
            _fail(waiting, Unavailable("the event log cannot be written; try again shortly"))
            return
        log.warning("the connection to the event log was lost: %s", error)
        if await self._reconnect():
            for pending in waiting:
                pending.uncertain = True
            self._queue.extendleft(reversed(waiting))
            self._wary = max(self._wary, 1)
        else:
            waiting += self._queue
            self._queue.clear()
            _fail(waiting, Unavailable("the event log cannot be reached; try again shortly"))

    async def _reconnect(self) -> bool:
        delay = 0.02
        deadline = asyncio.get_running_loop().time() + self._give_up
        while asyncio.get_running_loop().time() < deadline:
            with suppress(OperationalError):
                await self._flusher.connect()
                return True
            await asyncio.sleep(delay)
            delay = min(delay * 2, 0.5)
        return False


_SILENT = "the event log does not answer; send it again shortly, with the same key or ids"


def _fail(batch: list[Pending], error: Exception) -> None:
    for pending in batch:
        pending.fail(error)
