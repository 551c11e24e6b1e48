"""Wires a command service from settings."""

import asyncio
from contextlib import suppress
from typing import Any

from eventstore.purge import keep_purging
from eventstore.reader import LogReader
from eventstore.states import States
from eventstore.writer import GroupCommitWriter
from services.command.drafts import Drafter
from services.command.handle import Handler
from services.command.routes import command_endpoints
from services.compaction.wiring import compactor_of, model_of
from services.http.endpoint import Endpoint
from services.http.figures import Figures
from services.http.minting import Minter
from services.http.tokenizers import Tokenizers
from services.settings import Settings


class CommandService:
    """Opens what writes need; closing flushes what is queued."""

    def __init__(
        self,
        settings: Settings,
        minter: Minter,
        figures: Figures,
        tokenizers: Tokenizers | None = None,
    ) -> None:
        dsn = settings.database_url
        self._dsn = dsn
        self._writer = GroupCommitWriter(
            dsn,
            max_batch=settings.max_batch,
            max_queue=settings.max_queue,
            flushed=figures.flushed,
        )
        self.reader = LogReader(dsn, size=settings.database_connections)
        self.states = States(self.reader, cached=settings.cached_conversations)
        self.tokenizers = tokenizers = tokenizers or Tokenizers(settings.tokenizer)
        self.drafter = Drafter(tokenizers.tokenizer(), minter)
        self.handler = Handler(self._writer, self.states)
        self._model = model_of(settings)
        self.compactor = compactor_of(
            self.reader, self.states, tokenizers, minter, self._model, figures.compactions
        )
        self.endpoints: list[Endpoint] = command_endpoints(
            self._writer,
            self.reader,
            self.states,
            self.drafter,
            minter,
            settings.policy(),
            self.compactor,
        )
        self._purge: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises psycopg.OperationalError where there is no server."""
        await self._writer.start()
        await self.reader.start()
        self._purge = asyncio.create_task(keep_purging(self._dsn), name="purge")

    async def stop(self) -> None:
        if self._purge is not None:
            self._purge.cancel()
            with suppress(asyncio.CancelledError):
                await self._purge
        if self._model is not None:
            await self._model.close()
        await self._writer.stop()
        await self.states.stop()
        await self.reader.stop()

    @property
    def is_behind(self) -> bool:
        """Whether work waits for the database."""
        return self._writer.is_behind or self.reader.connections.is_behind

    async def check(self) -> dict[str, Any]:
        """For health: the log answers. Raises eventstore.errors.Unavailable."""
        return {
            "position": await self.reader.head(),
            "queued": self._writer.queued,
            "connections": self.reader.use,
        }
