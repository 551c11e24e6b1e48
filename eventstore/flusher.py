"""How a batch reaches the tables: plainly, or under the head's lock, where conflicts are resolved."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from eventstore.appends import Appended
from eventstore.arrays import teach
from eventstore.batch import (
    Pending,
    event_columns,
    isolating_columns,
    key_columns,
    positions,
    single_values,
)
from eventstore.connect import AsyncConnection, connect_async
from eventstore.deciding import decide_again, newer_columns
from eventstore.errors import KeyTaken, MessageIdTaken, VersionConflict
from eventstore.prepared import Prepared, Statement
from eventstore.queries import query

log = logging.getLogger(__name__)

CONFLICTS = {"key": KeyTaken, "message": MessageIdTaken, "version": VersionConflict}
# The plan never depends on the values; planning anew for each batch is a quarter of its time (measured). And a process that
# stands still must not hold the head for all others: the server ends its transaction, as if the connection had broken.
_SET_UP = "SET plan_cache_mode = force_generic_plan; SET idle_in_transaction_session_timeout = '2s'"


class Flusher:
    """One connection, opened when it is first needed and again when it broke; one batch at a time."""

    def __init__(self, dsn: str, *, key_lifetime: str) -> None:
        self._dsn = dsn
        self._lifetime = key_lifetime
        self._append = _statement("append")
        self._append_one = _statement("append_one")
        self._append_one_with_key = _statement("append_one_with_key")
        self._append_with_keys = _statement("append_with_keys")
        self._append_batch = query("append_batch")
        self._lock_head = query("lock_head")
        self._newer_events = query("newer_events")
        self._stream_page = query("stream_page")
        self._connection: AsyncConnection | None = None
        self._prepared: Prepared | None = None

    @property
    def connected(self) -> bool:
        """As far as this side knows."""
        return self._connection is not None and not self._connection.closed

    async def connect(self) -> AsyncConnection:
        """Raises psycopg.OperationalError where there is no server."""
        if self._connection is None or self._connection.closed:
            connection = await connect_async(self._dsn, name="writer")
            teach(connection)
            await connection.execute(_SET_UP, prepare=False)
            self._connection, self._prepared = connection, Prepared(connection)
        return self._connection

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def plainly(self, batch: list[Pending]) -> None:
        """All of it in one statement, which raises psycopg.errors.UniqueViolation for any conflict."""
        keyed = any(pending.append.idempotency is not None for pending in batch)
        if len(batch) == 1 and len(batch[0].append.events) == 1:
            statement = self._append_one_with_key if keyed else self._append_one
            values = single_values(batch[0].append, self._lifetime)
        elif keyed:
            statement = self._append_with_keys
            values = event_columns(batch) | key_columns(batch, self._lifetime)
        else:
            statement = self._append
            values = event_columns(batch)
        base = await self._number(statement, values)
        for pending, placed in zip(batch, positions(batch, base), strict=True):
            pending.resolve(placed)

    async def under_lock(self, take: Callable[[], list[Pending]]) -> bool:
        """Whether there were conflicts. Commands whose streams moved on are decided again, while nobody else can append.

        The batch is taken when the lock is held: what queues while another process has it goes along.
        """
        connection = await self.connect()
        try:
            await connection.execute(self._lock_head, prepare=False)
            batch = take()
            newer: Sequence[Any] = ()
            if columns := newer_columns(batch):
                newer = await self._execute(self._newer_events, columns)
            outcomes = await self._append_under_lock(connection, decide_again(batch, newer))
        except BaseException:
            if not connection.closed:
                await connection.rollback()
            raise
        refused = [outcome for outcome in outcomes if not await self._settle(*outcome)]
        return bool(newer or refused)

    async def _append_under_lock(
        self, connection: AsyncConnection, batch: list[Pending]
    ) -> list[tuple[Pending, str, Appended]]:
        """What became of each, once it is on disk. The commit goes along with the append: the lock waits for no answer."""
        if not batch:
            await connection.rollback()
            return []
        async with connection.pipeline():
            columns = isolating_columns(batch, self._lifetime)
            cursor = connection.cursor(binary=True)
            await cursor.execute(self._append_batch, columns, prepare=True)
            await connection.execute("COMMIT", prepare=False)
        rows = await cursor.fetchall()
        return [(batch[row[0]], row[1], Appended(row[2], row[3])) for row in rows]

    async def _settle(self, pending: Pending, outcome: str, placed: Appended) -> bool:
        """Whether it stands in the log, now or from before."""
        if outcome == "appended":
            pending.resolve(placed)
            return True
        landed = await self._find(pending) if pending.uncertain else None
        if landed is None:
            pending.fail(CONFLICTS[outcome]())
            return False
        pending.resolve(landed)
        return True

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

    async def _number(self, statement: Statement, values: dict[str, Any]) -> int:
        await self.connect()
        assert self._prepared is not None  # noqa: S101 - made with the connection
        return await self._prepared.number(statement, values)

    async def _execute(self, statement: bytes, values: dict[str, Any]) -> list[Any]:
        connection = await self.connect()
        cursor = connection.cursor(binary=True)
        await cursor.execute(statement, values, prepare=True)
        return await cursor.fetchall()


def _statement(name: str) -> Statement:
    return Statement(name, query(name))


class _Command(msgspec.Struct):
    cmd: str
