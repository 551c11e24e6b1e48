"""Who appends: the floor, the library's stock recorder, ours. The same bodies, counts and indexes for all."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from uuid import uuid4

import psycopg
import uvloop
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder

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


class Floor:
    """One prepared INSERT a transaction, unordered: what a table can do if nobody needs an order."""

    def __init__(self, owner: str, dsn: str, *, extras: bool) -> None:
        self._dsn = dsn
        self._extras = extras
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS floor, floor_keys")
            connection.execute(
                "CREATE TABLE floor (position bigint GENERATED ALWAYS AS IDENTITY, originator_id text NOT NULL,"
                " originator_version bigint NOT NULL, topic text NOT NULL, state bytea NOT NULL, message_id text,"
                " PRIMARY KEY (originator_id, originator_version))"
            )
            connection.execute("CREATE UNIQUE INDEX ON floor (position)")
            connection.execute(
                "CREATE TABLE floor_keys (workspace text, key text, hash bytea, PRIMARY KEY (workspace, key))"
            )
            if extras:
                connection.execute(
                    "CREATE UNIQUE INDEX ON floor (originator_id, message_id) WHERE message_id IS NOT NULL"
                )
            connection.execute("GRANT ALL ON floor, floor_keys TO verbatim_service")

    def run(self, concurrency: int, seconds: float) -> float:
        return uvloop.run(self._run(concurrency, seconds))

    async def _run(self, concurrency: int, seconds: float) -> float:
        done = 0
        started = time.perf_counter()
        end = started + seconds

        async def work() -> None:
            nonlocal done
            connection = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True)
            async with connection:
                while time.perf_counter() < end:
                    command, state = body()
                    message = command if self._extras else None
                    await connection.execute(
                        "INSERT INTO floor (originator_id, originator_version, topic, state, message_id)"
                        " VALUES (%s, 1, %s, %s, %s)",
                        [f"w:{command}", TOPIC, state, message],
                        prepare=True,
                        binary=True,
                    ) if not self._extras else await connection.execute(
                        "WITH k AS (INSERT INTO floor_keys VALUES ('w', %s, %s))"
                        " INSERT INTO floor (originator_id, originator_version, topic, state, message_id)"
                        " VALUES (%s, 1, %s, %s, %s)",
                        [command, b"h" * 32, f"w:{command}", TOPIC, state, message],
                        prepare=True,
                        binary=True,
                    )
                    done += 1

        await asyncio.gather(*(work() for _ in range(concurrency)))
        return done / (time.perf_counter() - started)


class Stock:
    """The library's PostgreSQL recorder as it comes, from threads."""

    def __init__(self, owner: str) -> None:
        self._dsn = owner
        with datastore(owner) as store:
            PostgresApplicationRecorder(store, events_table_name="stock_events").create_table()

    def run(self, concurrency: int, seconds: float) -> float:
        done = count()
        with datastore(self._dsn, pool_size=concurrency, max_overflow=2) as store:
            recorder = PostgresApplicationRecorder(store, events_table_name="stock_events")
            end = time.perf_counter() + seconds
            started = time.perf_counter()

            def work() -> None:
                while time.perf_counter() < end:
                    command, state = body()
                    recorder.insert_events([StoredEvent(f"w:{command}", 1, TOPIC, state)])
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
