"""Statements on the protocol itself: values, refusals, what is larger than a socket takes, a connection that ends."""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import uvloop

from eventstore.arrays import bigints, byteas, teach, texts
from eventstore.connect import AsyncConnection, connect_async
from eventstore.prepared import Prepared, Statement, _Answer
from tests.faults.proxy import FaultProxy
from tests.servers import Database

SUM = Statement("sum", b"SELECT %(one)s::bigint + coalesce(%(none)s::bigint, 5) + %(one)s::bigint")
LENGTHS = Statement(
    "lengths",
    b"SELECT (SELECT sum(octet_length(t)) FROM unnest(%(texts)b::text[]) AS t)"
    b" + (SELECT sum(octet_length(b)) FROM unnest(%(bytes)b::bytea[]) AS b)"
    b" + (SELECT sum(n) FROM unnest(%(numbers)b::bigint[]) AS n)::bigint"
    b" + octet_length(%(text)s::text) + octet_length(%(raw)b::bytea)",
)
SAYS_NO = Statement("says_no", b"SELECT (1 / %(zero)s::bigint)::bigint")


async def connected(database: Database) -> AsyncConnection:
    connection = await connect_async(database.service, name="test")
    teach(connection)
    return connection


def test_places_are_numbered_in_order_and_named_once() -> None:
    assert SUM.values == ["one", "none"]
    assert SUM.text == b"SELECT $1::bigint + coalesce($2::bigint, 5) + $1::bigint"


async def test_values_of_each_kind(database: Database) -> None:
    async with await connected(database) as connection:
        prepared = Prepared(connection)
        for _ in range(2):
            assert await prepared.number(SUM, {"one": -3, "none": None}) == -1
        values = {
            "texts": texts(["ä", None, ""]),
            "bytes": byteas([b"\x00\x01", b""]),
            "numbers": bigints([1, -1, 1 << 40]),
            "text": "ö\n",
            "raw": b"\xff" * 3,
        }
        assert await prepared.number(LENGTHS, values) == 2 + 2 + (1 << 40) + 3 + 3


async def test_more_than_a_socket_takes_at_once(database: Database) -> None:
    async with await connected(database) as connection:
        size = 24 << 20
        values = {
            "texts": texts(["x"]),
            "bytes": byteas([b"y" * size]),
            "numbers": bigints([0]),
            "text": "",
            "raw": b"",
        }
        assert await Prepared(connection).number(LENGTHS, values) == size + 1


async def test_a_refusal_leaves_the_connection_of_use(database: Database) -> None:
    async with await connected(database) as connection:
        prepared = Prepared(connection)
        for _ in range(2):
            with pytest.raises(psycopg.errors.DivisionByZero):
                await prepared.number(SAYS_NO, {"zero": 0})
        assert await prepared.number(SAYS_NO, {"zero": 1}) == 1
        with pytest.raises(psycopg.errors.SyntaxError):
            await prepared.number(Statement("wrong", b"SELEC"), {})
        with pytest.raises(psycopg.errors.UndefinedTable):
            await prepared.command(b"DELETE FROM nothing_of_this_name")
        await prepared.command(b"NOTIFY somebody")
        row = await (await connection.execute("SELECT 7")).fetchone()
        assert row == (7,)


async def test_statements_that_the_server_forgot_are_prepared_again(database: Database) -> None:
    """psycopg has it forget all after a rollback."""
    async with await connected(database) as connection:
        prepared = Prepared(connection)
        values = {"one": 1, "none": 1}
        assert await prepared.number(SUM, values) == 3
        cursor = await connection.execute("SELECT %s::int", [1], prepare=True)
        await cursor.fetchall()
        await connection.execute("BEGIN", prepare=False)
        await connection.rollback()
        await prepared.command(b"DEALLOCATE ALL")
        for _ in range(2):
            assert await prepared.number(SAYS_NO, {"zero": 1}) == 1
            assert await prepared.number(SUM, values) == 3


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_connection_that_ends(database: Database, run: Callable[[Any], None]) -> None:
    """What the server said last and its end come apart, and uvloop tells of a broken socket once only."""
    run(asyncio.wait_for(_ends(database), 60))


async def _ends(database: Database) -> None:
    connection = await connected(database)
    prepared = Prepared(connection)
    pid = connection.info.backend_pid
    with psycopg.connect(database.superuser, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 30000)", [pid])
    with pytest.raises(psycopg.OperationalError):
        await prepared.number(SUM, {"one": 1, "none": 1})
    assert connection.closed
    with pytest.raises(psycopg.OperationalError):
        await prepared.number(SUM, {"one": 1, "none": 1})
    await connection.close()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_the_number_of_its_socket_is_another_s_at_once(
    database: Database, run: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """libpq closes the socket, and the next one that anybody opens has its number: nothing of ours may end that one."""
    run(asyncio.wait_for(_taken_over(database, monkeypatch), 60))


async def _taken_over(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    server = urlsplit(database.service)
    assert server.port is not None
    ours, theirs = socket.socketpair()
    heard = asyncio.Event()
    with FaultProxy(("127.0.0.1", server.port)) as proxy:
        dsn = database.service.replace(f":{server.port}/", f":{proxy.port}/")
        connection = await connect_async(dsn, name="test")
        number = connection.pgconn.socket
        failed = _Answer._fail

        def then_taken(self: _Answer, error: Exception) -> None:
            failed(self, error)
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(number)
            os.dup2(ours.fileno(), number)
            loop.add_reader(number, heard.set)

        monkeypatch.setattr(_Answer, "_fail", then_taken)
        waiting = asyncio.create_task(Prepared(connection).command(b"SELECT pg_sleep(60)"))
        await asyncio.sleep(0)
        proxy.cut(reset=True)
        with pytest.raises(psycopg.OperationalError):
            await waiting
        assert connection.closed
        theirs.send(b"x")
        await asyncio.wait_for(heard.wait(), 30)
        loop.remove_reader(number)
        os.close(number)
    ours.close()
    theirs.close()
