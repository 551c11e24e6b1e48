"""Who exported what: recorded before the first bytes, and again at the end, however it ends."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from eventstore.errors import EventStoreError
from eventstore.queries import query
from eventstore.reader import Connections
from services.query.export.writing import Counts, Format, Kind

log = logging.getLogger(__name__)


class Record(msgspec.Struct, frozen=True):
    """One export."""

    export_id: str
    workspace: str
    kind: Kind
    subject: str
    format: Format
    include_events: bool
    position: int
    key_id: str | None
    """None for one straight from the database."""


class Records:
    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._statement = query("record_export")

    async def recorded(
        self, record: Record, counts: Counts, body: AsyncGenerator[bytes]
    ) -> AsyncGenerator[bytes]:
        """The body. Without a record of its start nothing is handed out: raises EventStoreError."""
        await self._write(record, "started", counts)
        action = "broken off"
        try:
            async with aclosing(body):
                async for piece in body:
                    yield piece
            action = "finished"
        finally:
            try:
                await self._write(record, action, counts)
            except EventStoreError as error:
                log.error("the end of export %s is not recorded: %s", record.export_id, error)  # noqa: TRY400 - the message says it

    async def _write(self, record: Record, action: str, counts: Counts) -> None:
        values = msgspec.structs.asdict(record) | {
            "action": action,
            "conversations": counts.conversations,
            "messages": counts.messages,
        }
        await self._connections.fetch(self._statement, values)
