"""Compacting without a request: what the worker does for an event, and `verbatim dlq retry` for a dead letter."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from domain.commands import CompactConversation
from domain.envelope import Meta
from domain.refusals import Refusal
from eventstore.errors import EventStoreError
from eventstore.reader import LogReader
from eventstore.states import States
from eventstore.writer import GroupCommitWriter
from services.compaction.appending import Appender
from services.compaction.asking import Asked, Landed, Result
from services.compaction.compactor import Compactor
from services.compaction.locks import Locks
from services.compaction.wiring import compactor_of, model_of
from services.http.compaction_figures import CompactionFigures
from services.http.minting import Minter
from services.http.tokenizers import Tokenizers
from services.settings import Settings

log = logging.getLogger(__name__)

ACTOR = "compaction"
"""Who did it, in the event."""

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0


class Doing:
    """Idempotent: it looks at the conversation as it stands now, and does nothing where nothing is due."""

    def __init__(
        self,
        compactor: Compactor,
        appender: Appender,
        locks: Locks,
        minter: Minter,
        figures: CompactionFigures,
    ) -> None:
        self.figures = figures
        self._compactor = compactor
        self._appender = appender
        self._locks = locks
        self._minter = minter

    async def compact(self, stream: str, cause: str, since: int = 0) -> Result | None:
        """Where it is due; `cause` is the event behind it, `since` as in Asked. None where the conversation refuses.

        Waits for a database that is gone. Raises services.compaction.writing.SummaryError, and what is a fault.
        """
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._locks.held(stream):
                    return await self._compact(stream, cause, since)
            except Refusal as refusal:  # deleted meanwhile: no retry would help
                log.info("%s is not compacted: %s", stream, refusal)
                return None
            except EventStoreError as error:
                log.warning("compaction of %s waits: %s", stream, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _compact(self, stream: str, cause: str, since: int) -> Result:
        async def append(command: CompactConversation) -> Landed:
            meta = Meta(
                event_id="",
                occurred_at=self._minter.now(),
                command_id=self._minter.hex_id(),
                actor=ACTOR,
                causation=cause,
            )
            return await self._appender.append(stream, command, meta)

        asked = Asked(trigger="automatic", since=since)
        result = found = await self._compactor.compact(stream, asked, append)
        while found.event is not None:
            result, event = found, found.event
            log.info("%s: %d tokens became %d", stream, event.tokens_before, event.tokens_after)
            if not found.overtaken:
                break
            asked = msgspec.structs.replace(asked, since=found.state.version + 1)
            found = await self._compactor.compact(stream, asked, append)
        return result


@asynccontextmanager
async def doing(settings: Settings) -> AsyncGenerator[Doing]:
    """All parts started; at the end what is queued is flushed.

    Raises psycopg.OperationalError.
    """
    minter, dsn = Minter(), settings.database_url
    model = model_of(settings)
    writer, reader, locks = GroupCommitWriter(dsn), LogReader(dsn), Locks(dsn)
    states = States(reader, cached=settings.cached_conversations)
    figures = CompactionFigures()
    tokenizers = Tokenizers(settings.tokenizer)
    compactor = compactor_of(reader, states, tokenizers, minter, model, figures)
    async with AsyncExitStack() as stack:
        if model is not None:
            stack.push_async_callback(model.close)
        for part in (reader, locks, writer):
            await part.start()
            stack.push_async_callback(part.stop)
        stack.push_async_callback(states.stop)
        yield Doing(compactor, Appender(writer, states), locks, minter, figures)
