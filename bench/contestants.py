"""Who appends: the floor, the library's stock recorder, ours. The same bodies, counts and indexes for all."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from uuid import uuid4

import psycopg
import uvloop
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder
from typing_extensions import override

from eventstore.appends import Append, IdempotencyEntry, NewEvent
from eventstore.recorder import datastore
from eventstore.writer import GroupCommitWriter

BODY = b'{"id":"%s-1","at":"2026-01-01T00:00:00Z","cmd":"%s","by":"key_1","data":{"message_id":"msg","sequence":1,"role":"user","content":"%s","input_tokens":90,"output_tokens":0,"token_count":90,"tokenizer":"o200k_base","created_at":"2026-01-01T00:00:00Z","context_tokens":93,"trigger_tokens":16000}}'
TEXT = b"lorem ipsum dolor sit amet " * 15
TOPIC = "MessageAppended.1"


def body() -> tuple[str, bytes]:
    """A command id and the stored form of a message of about 400 bytes."""
    command = uuid4().hex
    return command, BODY % (command.encode(), command.encode(), TEXT[:400])


FLOOR_CONNECTIONS = 32
"""More make the floor slower on two cores (measured: 128 give it 60 % of what 32 give)."""

EVENT = """
INSERT INTO floor (originator_id, originator_version, topic, state, message_id)
VALUES (%(stream)s, 1, %(topic)s, %(state)s, %(message)s)
"""
EVENT_AND_KEY = f"""
WITH k AS (
    INSERT INTO floor_keys (workspace, key, request_hash, first_position, last_position, result, expires_at)
    VALUES ('w', %(message)s, %(hash)s, 1, 1, %(result)s, now() + '24 hours'::interval)
) {EVENT}
"""


class Floor:
    """One prepared INSERT a transaction, unordered: what tables can do if nobody needs an order.

    The tables and indexes are ours, but for the position, which is a sequence's.
    """

    def __init__(self, owner: str, dsn: str, *, extras: bool) -> None:
        self._dsn = dsn
        self._extras = extras
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS floor, floor_keys")
            connection.execute("CREATE TABLE floor (LIKE events INCLUDING ALL)")
            connection.execute("ALTER TABLE floor ALTER position ADD GENERATED ALWAYS AS IDENTITY")
            connection.execute("CREATE TABLE floor_keys (LIKE idempotency INCLUDING ALL)")
            connection.execute("GRANT ALL ON floor, floor_keys TO verbatim_service")

    def run(self, concurrency: int, seconds: float) -> float:
        return uvloop.run(self._run(min(concurrency, FLOOR_CONNECTIONS), seconds))

    async def _run(self, connections: int, seconds: float) -> float:
        done = 0
        opened = [
            await psycopg.AsyncConnection.connect(self._dsn, autocommit=True)
            for _ in range(connections)
        ]
        started = time.perf_counter()
        end = started + seconds

        async def work(connection: psycopg.AsyncConnection[Any]) -> None:
            nonlocal done
            statement = EVENT_AND_KEY if self._extras else EVENT
            while time.perf_counter() < end:
                command, state = body()
                values = {"stream": f"w:{command}", "topic": TOPIC, "state": state, "message": None}
                if self._extras:
                    values |= {"message": command, "hash": b"h" * 32, "result": b"{}"}
                await connection.execute(statement, values, prepare=True, binary=True)
                done += 1

        await asyncio.gather(*(work(connection) for connection in opened))
        elapsed = time.perf_counter() - started
        for connection in opened:
            await connection.close()
        return done / elapsed


STOCK_KEY = """
INSERT INTO stock_keys (workspace, key, request_hash, first_position, last_position, result, expires_at)
VALUES ('w', %(key)s, %(hash)s, 1, 1, %(result)s, now() + '24 hours'::interval)
"""
STOCK_MESSAGES = (
    "CREATE UNIQUE INDEX ON stock_events (originator_id, substring(state FROM 8 FOR 32))"
)
"""Its table has no column for a message's id; the same bytes stand at this place of each body."""


class KeyingRecorder(PostgresApplicationRecorder):
    """Puts the key's row into the library's own transaction, where the library itself would put a tracking row."""

    @override
    def _insert_events(
        self, curs: Any, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> None:
        values = {"key": kwargs["key"], "hash": b"h" * 32, "result": b"{}"}
        curs.execute(STOCK_KEY, values, prepare=True)


class Stock:
    """The library's PostgreSQL recorder as it comes, from threads, a connection each.

    It has neither message ids nor keys: with them, an index and a row of the same content are added to it.
    """

    def __init__(self, owner: str, *, extras: bool) -> None:
        self._dsn = owner
        self._recorder = KeyingRecorder if extras else PostgresApplicationRecorder
        with datastore(owner) as store:
            self._recorder(store, events_table_name="stock_events").create_table()
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute("CREATE TABLE stock_keys (LIKE idempotency INCLUDING ALL)")
            if extras:
                connection.execute(STOCK_MESSAGES)

    def run(self, concurrency: int, seconds: float) -> float:
        done = count()
        with datastore(self._dsn, pool_size=concurrency, max_overflow=2) as store:
            recorder = self._recorder(store, events_table_name="stock_events")
            end = time.perf_counter() + seconds
            started = time.perf_counter()

            def work() -> None:
                while time.perf_counter() < end:
                    command, state = body()
                    event = StoredEvent(f"w:{command}", 1, TOPIC, state)
                    recorder.insert_events([event], key=command)
                    next(done)

            with ThreadPoolExecutor(concurrency) as pool:
                for future in [pool.submit(work) for _ in range(concurrency)]:
                    future.result()
            return next(done) / (time.perf_counter() - started)


class Ours:
    """The group commit writer, one process, one connection."""

    def __init__(self, dsn: str, *, extras: bool) -> None:
        self._dsn = dsn
        self._extras = extras

    def run(self, concurrency: int, seconds: float) -> float:
        return uvloop.run(self._run(concurrency, seconds))

    async def _run(self, concurrency: int, seconds: float) -> float:
        writer = GroupCommitWriter(self._dsn)
        await writer.start()
        done = 0
        started = time.perf_counter()
        end = started + seconds

        async def work() -> None:
            nonlocal done
            while time.perf_counter() < end:
                await writer.append(command_of(extras=self._extras))
                done += 1

        await asyncio.gather(*(work() for _ in range(concurrency)))
        elapsed = time.perf_counter() - started
        await writer.stop()
        return done / elapsed


def command_of(*, extras: bool) -> Append:
    command, state = body()
    message = command if extras else None
    entry = IdempotencyEntry("w", command, b"h" * 32, b"{}") if extras else None
    return Append(command, (NewEvent(f"w:{command}", 1, TOPIC, state, message),), entry)
