"""The reading side of the log for asynchronous services: streams, messages, keys, the head."""

import asyncio
from typing import Any, Literal
from weakref import WeakKeyDictionary

import msgspec
import psycopg

from eventstore.appends import StoredRow
from eventstore.connect import AsyncConnection, connect_async
from eventstore.errors import Overloaded, Unavailable
from eventstore.queries import query


class IdempotencyRow(msgspec.Struct, frozen=True):
    request_hash: bytes
    first_position: int
    last_position: int
    result: bytes


PATIENCE_SECONDS = 10.0
"""How long a statement may wait for a connection and its answer."""
QUEUE = 8
"""Statements that may wait for each connection before it counts as behind."""
_SET_UP = "SET statement_timeout = '30s'"
"""After which the server ends a statement that nobody waits for any more."""
Plans = Literal["auto", "force_custom_plan", "force_generic_plan"]
"""How PostgreSQL plans a statement: for any values once, or for the given ones each time; by itself it finds out by trying."""
MOST_WAITING = 2_000
"""Statements that may wait for a connection; past it they are refused."""
STOP_SECONDS = 2.0
"""What is on its way is waited for at the end."""


class Connections:
    """A small fixed set of connections, one statement in flight on each; broken ones are replaced.

    A connection that ended while it was idle (the server was restarted, say) is found out by the next statement only,
    which is sent once more over a new one: statements here may run twice.

    A waiting statement queues; cancelling its caller lets the statement finish, so that a connection
    never goes back with an answer still on its way. A caller whose patience ends is told; its statement keeps
    the connection until the server answers or ends it, or never gets one.
    """

    def __init__(
        self, dsn: str, *, name: str, size: int, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._dsn = dsn
        self._name = name
        self._size = size
        self._patience = patience
        self._free: asyncio.LifoQueue[AsyncConnection | None] = asyncio.LifoQueue()
        self._running: set[asyncio.Task[Any]] = set()
        self._begun: set[asyncio.Task[Any] | None] = set()
        """Those of them that have a connection."""
        self._plans: WeakKeyDictionary[AsyncConnection, Plans] = WeakKeyDictionary()

    async def start(self) -> None:
        """Raises psycopg.OperationalError where there is no server."""
        self._free.put_nowait(await self._connect())
        for _ in range(self._size - 1):
            self._free.put_nowait(None)  # opened when it is first needed

    async def stop(self) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=STOP_SECONDS)
        while not self._free.empty():
            connection = self._free.get_nowait()
            if connection is not None:
                await connection.close()

    @property
    def use(self) -> dict[str, int]:
        """For monitoring: how many there are, how many are at work, how many statements wait for one."""
        busy = self._size - self._free.qsize()
        return {"size": self._size, "busy": busy, "waiting": max(0, len(self._running) - busy)}

    @property
    def is_behind(self) -> bool:
        """Whether so many statements wait that each connection has a queue of its own."""
        return self.use["waiting"] > QUEUE * self._size

    async def fetch(
        self, statement: bytes, values: dict[str, Any] | list[Any], plans: Plans = "auto"
    ) -> list[Any]:
        """All rows of one prepared, binary statement; a list of values is for `$1` and so on.

        Raises Unavailable where there is no server, or none that answers in time; Overloaded.
        """
        if len(self._running) > MOST_WAITING:
            raise Overloaded("too many reads wait for the database; try again shortly")
        task = asyncio.create_task(self._fetch(statement, values, plans))
        self._running.add(task)
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait((task,), timeout=self._patience)
        if done:
            return task.result()
        if task not in self._begun:
            task.cancel()
        raise Unavailable("the database does not answer; try again shortly")

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        self._begun.discard(task)
        if not task.cancelled():
            task.exception()  # told already to a caller that had the patience

    async def _fetch(
        self, statement: bytes, values: dict[str, Any] | list[Any], plans: Plans
    ) -> list[Any]:
        connection = await self._free.get()
        self._begun.add(asyncio.current_task())
        try:
            if connection is not None:
                try:
                    return await self._rows(connection, statement, values, plans)
                except psycopg.OperationalError:
                    if not connection.closed:
                        raise
            connection = await self._connect()
            return await self._rows(connection, statement, values, plans)
        except psycopg.OperationalError as error:
            raise Unavailable("the database cannot be reached; try again shortly") from error
        except psycopg.errors.UndefinedTable as error:
            # The log's own tables were checked at start: this is a read model that was never built.
            raise Unavailable(
                "a read model has not been built yet; start `verbatim projections run`, or try again shortly"
            ) from error
        finally:
            broken = connection is None or connection.closed
            self._free.put_nowait(None if broken else connection)

    async def _connect(self) -> AsyncConnection:
        connection = await connect_async(self._dsn, name=self._name)
        await connection.execute(_SET_UP)
        return connection

    async def _rows(
        self,
        connection: AsyncConnection,
        statement: bytes,
        values: dict[str, Any] | list[Any],
        plans: Plans,
    ) -> list[Any]:
        if self._plans.get(connection, "auto") != plans:
            await connection.execute(b"SET plan_cache_mode = " + plans.encode())
            self._plans[connection] = plans
        named = isinstance(values, dict)
        cursor = connection.cursor() if named else psycopg.AsyncRawCursor(connection)
        await cursor.execute(statement, values, prepare=True, binary=True)
        return await cursor.fetchall()


class LogReader:
    """Reads what is committed. Each method is one statement."""

    def __init__(self, dsn: str, *, size: int = 4) -> None:
        self._connections = Connections(dsn, name="log reader", size=size)
        self._stream_page = query("stream_page")
        self._stream_page_back = query("stream_page_back")
        self._stream_part = query("stream_part")
        self._workspace_streams = query("workspace_streams")
        self._find_messages = query("find_messages")
        self._find_key = query("find_key")

    async def start(self) -> None:
        await self._connections.start()

    async def stop(self) -> None:
        await self._connections.stop()

    @property
    def connections(self) -> Connections:
        """For further statements of this room over the same connections."""
        return self._connections

    @property
    def use(self) -> dict[str, int]:
        return self._connections.use

    async def stream_page(self, stream: str, after: int, limit: int = 1_000) -> list[StoredRow]:
        """The stream's events of versions above `after`, at most `limit`, in order."""
        values = {"stream": stream, "after": after, "limit": limit}
        rows = await self._connections.fetch(self._stream_page, values)
        return [StoredRow(*row) for row in rows]

    async def stream_page_back(
        self, stream: str, before: int, limit: int = 1_000
    ) -> list[StoredRow]:
        """The stream's events of versions below `before`, at most `limit`, newest first."""
        values = {"stream": stream, "before": before, "limit": limit}
        rows = await self._connections.fetch(self._stream_page_back, values)
        return [StoredRow(*row) for row in rows]

    async def stream_part(  # noqa: PLR0917 - which events, and how many of them
        self, stream: str, after: int, upto: int, limit: int, size: int, names: list[str] | None
    ) -> list[StoredRow]:
        """The stream's events of versions above `after` up to a position, in order, of these names or all.

        At most `limit`, and as many as fit `size` bytes; one at least.
        """
        values = {"stream": stream, "after": after, "upto": upto, "limit": limit}
        rows = await self._connections.fetch(
            self._stream_part, values | {"bytes": size, "names": names}
        )
        return [StoredRow(*row) for row in rows]

    async def workspace_streams(
        self, workspace: str, after: str, upto: int, limit: int = 1_000
    ) -> list[str]:
        """A workspace's streams as of a position, in order after one of them (the first after "")."""
        values = {
            "after": after or f"{workspace}:",
            "end": f"{workspace};",  # the character after the colon
            "upto": upto,
            "limit": limit,
        }
        return [row[0] for row in await self._connections.fetch(self._workspace_streams, values)]

    async def find_messages(self, stream: str, message_ids: list[str]) -> dict[str, StoredRow]:
        """The events that appended these messages to the stream, by message id."""
        values = {"stream": stream, "messages": message_ids}
        rows = await self._connections.fetch(self._find_messages, values)
        return {row[5]: StoredRow(*row[:5]) for row in rows}

    async def find_key(self, workspace: str, key: str) -> IdempotencyRow | None:
        values = {"workspace": workspace, "key": key}
        rows = await self._connections.fetch(self._find_key, values)
        return IdempotencyRow(*rows[0]) if rows else None

    async def head(self) -> int:
        """The position of the log's last event; 0 for an empty log."""
        rows = await self._connections.fetch(b"SELECT position FROM head", {})
        return int(rows[0][0])
