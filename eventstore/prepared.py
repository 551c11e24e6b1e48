"""Prepared statements on the protocol itself, for the writer: one answer of one row, in the fewest steps.

psycopg's own way makes a cursor, adapts each value, and waits by several callbacks: 220 µs for a batch of one, 500 for one of 32,
of which this leaves a third (measured). Everything else of the room goes psycopg's way, and so do this connection's other statements.
"""

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress

from psycopg.errors import DuplicatePreparedStatement, InvalidSqlStatementName, error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

from eventstore.arrays import Array
from eventstore.connect import AsyncConnection

Value = Array | bytes | str | int | None

_PLACE = re.compile(rb"%\((\w+)\)[sb]")
_GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


class Statement:
    """A statement with placeholders as the server takes it: `$1`, `$2` …; a value may stand in several places."""

    def __init__(self, name: str, text: bytes) -> None:
        self.name = name.encode()
        self.values: list[str] = []
        self.text = _PLACE.sub(lambda place: self._number(place[1].decode()), text)

    def _number(self, value: str) -> bytes:
        if value not in self.values:
            self.values.append(value)
        return b"$%d" % (self.values.index(value) + 1)


class Prepared:
    """The prepared statements of one connection that is used for nothing else meanwhile."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._pg = connection.pgconn
        self._known: set[bytes] = set()

    async def number(self, statement: Statement, values: Mapping[str, Value]) -> int:
        """The one integer (a bigint) that the statement answers with.

        Raises psycopg.Error as psycopg's own ways do.
        """
        sent = [_sent(values[name]) for name in statement.values]
        if statement.name in self._known:
            try:
                return await self._run(statement, sent)
            except InvalidSqlStatementName:
                # psycopg has the server forget all, after a rollback for one; others may have been prepared again since
                self._known.discard(statement.name)
        self._pg.send_prepare(statement.name, statement.text)
        with suppress(DuplicatePreparedStatement):
            await _Answer(self._pg).result()
        self._known.add(statement.name)
        return await self._run(statement, sent)

    async def _run(self, statement: Statement, sent: list[tuple[bytes | None, Format]]) -> int:
        self._pg.send_query_prepared(
            statement.name,
            [value for value, _ in sent],
            [form for _, form in sent],
            Format.BINARY,
        )
        found = (await _Answer(self._pg).result()).get_value(0, 0)
        return int.from_bytes(found or b"", "big", signed=True)

    async def command(self, text: bytes) -> None:
        """One without values or rows, not prepared. Raises psycopg.Error."""
        self._pg.send_query(text)
        await _Answer(self._pg).result()


def _sent(value: Value) -> tuple[bytes | None, Format]:
    if isinstance(value, Array):
        return value.data, Format.BINARY
    if isinstance(value, str):
        return value.encode(), Format.BINARY
    if isinstance(value, int):
        return b"%d" % value, Format.TEXT
    return value, Format.BINARY


class _Answer:
    """What the server answers to what was sent: read where it comes, in the loop's callback.

    Where the connection breaks libpq closes the socket, and the next one that anybody opens has its number: the loop is told in
    the same callback that ours is over. Later it would be theirs that it forgets.
    """

    def __init__(self, pg: PGconn) -> None:
        self._pg = pg
        self._socket = pg.socket
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._results: list[PGresult] = []

    async def result(self) -> PGresult:
        self._loop.add_reader(self._socket, self._read)
        try:
            if self._pg.flush():  # more than the socket takes at once
                self._loop.add_writer(self._socket, self._write)
            await self._done
        except BaseException:
            if not self._done.done() or self._done.cancelled():
                self._forget()
            raise
        for result in self._results:
            if result.status not in _GOOD:
                raise error_from_result(result)
        return self._results[0]

    def _write(self) -> None:
        try:
            if not self._pg.flush():
                self._loop.remove_writer(self._socket)
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            self._fail(error)

    def _read(self) -> None:
        try:
            self._pg.consume_input()
            while not self._pg.is_busy():
                result = self._pg.get_result()
                if result is None:
                    self._end()
                    return
                self._results.append(result)
            # There is more to come. uvloop tells of a broken socket once, and never again unless it is asked anew: what the
            # server said last would have been read, and its end never seen.
            self._loop.remove_reader(self._socket)
            self._loop.add_reader(self._socket, self._read)
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            self._fail(error)

    def _end(self) -> None:
        self._forget()
        if not self._done.done():
            self._done.set_result(None)

    def _fail(self, error: Exception) -> None:
        self._forget()
        if not self._done.done():
            self._done.set_exception(error)

    def _forget(self) -> None:
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
