"""The writer of the HTTP path: group commit over one connection.

While one batch is on its way to the disk, commands queue; together they are the next batch. A conflict
fails its own command only. A reply that never arrives is looked up by the command's id.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import psycopg

from eventstore.appends import Append, Appended
from eventstore.arrays import teach
from eventstore.batch import (
    Pending,
    event_columns,
    isolating_columns,
    key_columns,
    positions,
    single_values,
    take,
)
from eventstore.connect import AsyncConnection, connect_async
from eventstore.errors import KeyTaken, MessageIdTaken, Overloaded, Unavailable, VersionConflict
from eventstore.hint import Hinter
from eventstore.queries import query

log = logging.getLogger(__name__)

CONFLICTS = {"key": KeyTaken, "message": MessageIdTaken, "version": VersionConflict}
WARY_BATCHES = 4
"""How many batches after a conflict go through the isolating function: conflicts come in bursts, and
there a second round trip would cost more than the function does."""


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
        self._dsn = dsn
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._give_up = give_up
        self._lifetime = key_lifetime
        self._flushed = flushed
        self._queue: deque[Pending] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._wary = 0
        self._append = query("append")
        self._append_one = query("append_one")
        self._append_one_with_key = query("append_one_with_key")
        self._append_with_keys = query("append_with_keys")
        self._append_batch = query("append_batch")
        self._stream_page = query("stream_page")
        self._connection: AsyncConnection | None = None
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
        self._connection = await self._connect()
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
        if self._connection is not None:
            await self._connection.close()

    @property
    def queued(self) -> int:
        """Commands that wait for a batch."""
        return len(self._queue)

    async def append(self, command: Append) -> Appended:
        """Append all events of the command, durably, or nothing.

        Raises VersionConflict, MessageIdTaken, KeyTaken, Overloaded, Unavailable. A caller that is
        cancelled does not cancel the write.
        """
        if self._stopping:
            raise Unavailable("the service is stopping; try again shortly")
        if self._silent:
            raise Unavailable(_SILENT)
        if len(self._queue) >= self._max_queue:
            raise Overloaded(Overloaded.__doc__)
        future: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        self._queue.append(Pending(command, future))
        self._wake.set()
        return await future

    async def _run(self) -> None:
        while True:
            if not self._queue:
                if self._stopping:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            batch = take(self._queue, self._max_batch)
            started = time.perf_counter()
            self._batch, self._since = batch, started
            try:
                await self._flush(batch)
                self._hinter.hint()
                events = sum(len(pending.append.events) for pending in batch)
                self._flushed(events, time.perf_counter() - started)
            except psycopg.OperationalError as error:
                await self._lost(batch, error)
            except Exception:
                log.exception("an append failed")
                _fail(batch, Unavailable("the append failed; try again shortly"))
            self._since = None

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

    async def _flush(self, batch: list[Pending]) -> None:
        if self._wary == 0:
            try:
                return await self._flush_plainly(batch)
            except psycopg.errors.UniqueViolation:
                self._wary = WARY_BATCHES
        else:
            self._wary -= 1
        return await self._flush_isolating(batch)

    async def _flush_plainly(self, batch: list[Pending]) -> None:
        keyed = any(pending.append.idempotency is not None for pending in batch)
        if len(batch) == 1 and len(batch[0].append.events) == 1:
            statement = self._append_one_with_key if keyed else self._append_one
            rows = await self._execute(statement, single_values(batch[0].append, self._lifetime))
        elif keyed:
            values = event_columns(batch) | key_columns(batch, self._lifetime)
            rows = await self._execute(self._append_with_keys, values)
        else:
            rows = await self._execute(self._append, event_columns(batch))
        for pending, placed in zip(batch, positions(batch, rows[0][0]), strict=True):
            pending.resolve(placed)

    async def _flush_isolating(self, batch: list[Pending]) -> None:
        rows = await self._execute(self._append_batch, isolating_columns(batch, self._lifetime))
        for number, outcome, first, last in rows:
            pending = batch[int(number)]
            if outcome == "appended":
                pending.resolve(Appended(first, last))
                continue
            self._wary = WARY_BATCHES
            landed = await self._find(pending) if pending.uncertain else None
            if landed is None:
                pending.fail(CONFLICTS[outcome]())
            else:
                pending.resolve(landed)

    async def _find(self, pending: Pending) -> Appended | None:
        """Where the command stands if it landed before the connection broke, else None."""
        events = pending.append.events
        found: list[int] = []
        for event in (events[0], events[-1]) if events else ():
            values = {"stream": event.stream, "after": event.version - 1, "limit": 1}
            for position, _, version, _, state in await self._execute(self._stream_page, values):
                command = msgspec.json.decode(state, type=_Command).cmd
                if version == event.version and command == pending.append.command_id:
                    found.append(position)
        return Appended(found[0], found[1]) if len(found) == 2 else None

    async def _execute(self, statement: bytes, values: dict[str, Any]) -> list[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = await self._connect()
        cursor = self._connection.cursor(binary=True)
        await cursor.execute(statement, values, prepare=True)
        return await cursor.fetchall()

    async def _connect(self) -> AsyncConnection:
        connection = await connect_async(self._dsn, name="writer")
        teach(connection)
        # The plan never depends on the values; planning anew for each batch is a quarter of its time (measured).
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        return connection

    async def _lost(self, batch: list[Pending], error: psycopg.OperationalError) -> None:
        """The connection broke, or the server said no. Broken: nobody knows whether the batch landed."""
        waiting = [pending for pending in batch if not pending.future.done()]
        if self._connection is not None and not self._connection.closed:
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
            with suppress(psycopg.OperationalError):
                self._connection = await self._connect()
                return True
            await asyncio.sleep(delay)
            delay = min(delay * 2, 0.5)
        return False


_SILENT = "the event log does not answer; send it again shortly, with the same key or ids"


class _Command(msgspec.Struct):
    cmd: str


def _fail(batch: list[Pending], error: Exception) -> None:
    for pending in batch:
        pending.fail(error)
