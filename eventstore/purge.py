"""What time does to keys: expired idempotency keys end, a small batch at a time; expired API keys are noted."""

import asyncio
import logging

import psycopg

from eventstore.connect import connect_async
from eventstore.errors import SchemaMismatch
from eventstore.queries import query

log = logging.getLogger(__name__)

BATCH = 500


async def purge_keys(dsn: str) -> int:
    """End all keys that have expired by now; returns how many."""
    ended = 0
    connection = await connect_async(dsn, name="purge")
    async with connection:
        while True:
            cursor = await connection.execute(query("purge_keys"), {"limit": BATCH})
            ended += cursor.rowcount
            if cursor.rowcount < BATCH:
                return ended


async def purge_leases(dsn: str) -> None:
    async with await connect_async(dsn, name="purge") as connection:
        await connection.execute(query("purge_leases"))


async def note_expired_api_keys(dsn: str) -> None:
    async with await connect_async(dsn, name="purge") as connection:
        await connection.execute("SELECT record_expired_keys()")


async def keep_purging(dsn: str, every: float = 60.0) -> None:
    """Purge for ever, every so many seconds; a fault is logged and the next round tries again."""
    while True:
        try:
            await purge_keys(dsn)
            await purge_leases(dsn)
            await note_expired_api_keys(dsn)
        except (psycopg.Error, SchemaMismatch) as error:
            log.warning("expired keys could not be seen to: %s", error)
        await asyncio.sleep(every)
