"""Snapshots of long conversations: kept beside the log, off the path of an append, believed only where the log agrees."""

import asyncio
import logging

import psycopg

from domain.snapshot import SCHEMA, frozen, thawed
from domain.state import ConversationState
from eventstore.errors import EventStoreError
from eventstore.folded import Folded
from eventstore.queries import query
from eventstore.reader import Connections

log = logging.getLogger(__name__)

MOST_WAITING = 100
"""Snapshots that wait to be kept; a further one is dropped: the conversation's next comes by itself."""


class Snapshots:
    """Finds them, and keeps them one at a time. Nothing that goes wrong here fails an append or a read."""

    def __init__(self, connections: Connections, *, schema: int = SCHEMA) -> None:
        self._connections = connections
        self._schema = schema
        self._find = query("find_snapshot")
        self._keep = query("keep_snapshot")
        self._waiting: dict[str, tuple[ConversationState, int]] = {}
        self._task: asyncio.Task[None] | None = None

    async def find(self, stream: str, after: int) -> Folded | None:
        """Of a version above `after`. Raises Unavailable."""
        values = {"stream": stream, "after": after, "schema": self._schema}
        for version, position, data in await self._connections.fetch(self._find, values):
            state = thawed(data)
            if state is not None and state.version == version:
                return Folded(state, position)
            log.warning("the snapshot of %s cannot be read: it is left aside", stream)
        return None

    def keep(self, stream: str, state: ConversationState, position: int) -> None:
        """Soon, in the background; `position` is that of the state's last event."""
        if len(self._waiting) < MOST_WAITING or stream in self._waiting:
            self._waiting[stream] = (state, position)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep_waiting(), name="snapshots")

    async def stop(self) -> None:
        """Keep what waits."""
        if self._task is not None:
            await self._task

    async def _keep_waiting(self) -> None:
        while self._waiting:
            stream, (state, position) = self._waiting.popitem()
            values = {
                "stream": stream,
                "version": state.version,
                "position": position,
                "schema": self._schema,
                "state": frozen(state),
            }
            try:
                await self._connections.fetch(self._keep, values)
            except (EventStoreError, psycopg.Error) as error:
                log.warning("no snapshot of %s was kept: %s", stream, error)
                self._waiting.clear()
