"""One compaction of a conversation at a time, across all workers: advisory locks, all on one connection of the process.

They spare a second worker the work, and a model the second call. The log's versions decide in any case: a lost
connection loses the locks, not the order.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from eventstore.reader import Connections

LOOK_SECONDS = 0.3
"""Between two tries for a lock that another worker holds."""

_TAKE = b"SELECT pg_try_advisory_lock(%(key)s)"
_GIVE = b"SELECT pg_advisory_unlock(%(key)s)"


class Locks:
    """Whoever holds one in this process does not ask for it again."""

    def __init__(self, dsn: str) -> None:
        self._connection = Connections(dsn, name="compaction locks", size=1)

    async def start(self) -> None:
        """Raises psycopg.OperationalError where there is no server."""
        await self._connection.start()

    async def stop(self) -> None:
        await self._connection.stop()

    @asynccontextmanager
    async def held(self, stream: str) -> AsyncGenerator[None]:
        """Waits until nobody else compacts the conversation. Raises eventstore.errors.Unavailable."""
        values = {"key": _key(stream)}
        try:
            while not (await self._connection.fetch(_TAKE, values))[0][0]:  # noqa: ASYNC110 - another process's lock
                await asyncio.sleep(LOOK_SECONDS)
            yield
        finally:
            # Also where the caller was cancelled while it asked: the statement ran on and may have got it.
            await self._connection.fetch(_GIVE, values)


def _key(stream: str) -> int:
    digest = hashlib.blake2b(f"verbatim compaction {stream}".encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "big", signed=True)
