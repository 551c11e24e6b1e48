"""Wires a command service from settings."""

import asyncio
from contextlib import suppress
from typing import Any

from eventstore.purge import keep_purging
from eventstore.reader import LogReader
from eventstore.writer import GroupCommitWriter
from services.command.drafts import Drafter
from services.command.handle import Handler
from services.command.routes import CommandRoutes
from services.http.endpoint import Endpoint
from services.http.minting import Minter
from services.http.tokenizer import Tokenizer
from services.settings import Settings


class CommandService:
    """Opens what writes need; closing flushes what is queued."""

    def __init__(self, settings: Settings, minter: Minter) -> None:
        dsn = settings.database_url
        self._dsn = dsn
        self._writer = GroupCommitWriter(
            dsn, max_batch=settings.max_batch, max_queue=settings.max_queue
        )
        self._reader = LogReader(dsn, size=settings.database_connections)
        handler = Handler(self._writer, self._reader, cached=settings.cached_conversations)
        drafter = Drafter(Tokenizer(settings.tokenizer), minter)
        routes = CommandRoutes(handler, self._reader, drafter, minter, settings.policy())
        self.endpoints: list[Endpoint] = routes.endpoints()
        self._purge: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises psycopg.OperationalError where there is no server."""
        await self._writer.start()
        await self._reader.start()
        self._purge = asyncio.create_task(keep_purging(self._dsn), name="purge")

    async def stop(self) -> None:
        if self._purge is not None:
            self._purge.cancel()
            with suppress(asyncio.CancelledError):
                await self._purge
        await self._writer.stop()
        await self._reader.stop()

    async def check(self) -> dict[str, Any]:
        """For health: the log answers. Raises eventstore.errors.Unavailable."""
        return {"position": await self._reader.head(), "queued": self._writer.queued}
