"""The reading side of the log for asynchronous services: streams, messages, keys, the head."""

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg

from eventstore.appends import StoredRow
from eventstore.connect import AsyncConnection, connect_async
from eventstore.errors import Unavailable
from eventstore.queries import query

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class IdempotencyRow(msgspec.Struct, frozen=True):
    request_hash: bytes
    first_position: int
    last_position: int
    result: bytes


class Connections:
    """A small fixed set of connections, one statement in flight on each; broken ones are replaced.

    A waiting statement queues; cancelling its caller lets the statement finish, so that a connection
    never goes back with an answer still on its way.
    """

    def __init__(self, dsn: str, *, name: str, size: int) -> None:
        self._dsn = dsn
        self._name = name
        self._size = size
        self._free: asyncio.LifoQueue[AsyncConnection | None] = asyncio.LifoQueue()
        self._running: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Raises psycopg.OperationalError where there is no server."""
        self._free.put_nowait(await connect_async(self._dsn, name=self._name))
        for _ in range(self._size - 1):
            self._free.put_nowait(None)  # opened when it is first needed

    async def stop(self) -> None:
        if self._running:
            await asyncio.wait(self._running)
        while not self._free.empty():
            connection = self._free.get_nowait()
            if connection is not None:
                await connection.close()

    async def fetch(self, statement: bytes, values: dict[str, Any]) -> list[Any]:
        """All rows of one prepared, binary statement. Raises Unavailable where there is no server."""
        task = asyncio.create_task(self._fetch(statement, values))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _fetch(self, statement: bytes, values: dict[str, Any]) -> list[Any]:
        try:
            async with self._connection() as connection:
                cursor = connection.cursor(binary=True)
                await cursor.execute(statement, values, prepare=True)
                return await cursor.fetchall()
        except psycopg.OperationalError as error:
            raise Unavailable("the database cannot be reached; try again shortly") from error

    @asynccontextmanager
    async def _connection(self) -> "AsyncGenerator[AsyncConnection]":
        connection = await self._free.get()
        try:
            if connection is None or connection.closed:
                connection = await connect_async(self._dsn, name=self._name)
            yield connection
        finally:
            broken = connection is None or connection.closed
            self._free.put_nowait(None if broken else connection)


class LogReader:
    """Reads what is committed. Each method is one statement."""

    def __init__(self, dsn: str, *, size: int = 4) -> None:
        self._connections = Connections(dsn, name="log reader", size=size)
        self._stream_page = query("stream_page")
        self._find_messages = query("find_messages")
        self._find_key = query("find_key")

    async def start(self) -> None:
        await self._connections.start()

    async def stop(self) -> None:
        await self._connections.stop()

    async def stream_page(self, stream: str, after: int, limit: int = 1_000) -> list[StoredRow]:
        """The stream's events of versions above `after`, at most `limit`, in order."""
        values = {"stream": stream, "after": after, "limit": limit}
        rows = await self._connections.fetch(self._stream_page, values)
        return [StoredRow(*row) for row in rows]

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
