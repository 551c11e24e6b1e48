"""Conversations as they stand, for a process that writes: cached, read on from the log, one command at a time."""

from collections.abc import Sequence
from typing import Any

from domain.codec import Codec
from domain.envelope import Meta
from domain.state import evolve, weight
from eventstore.appends import StoredRow
from eventstore.folded import UNKNOWN, Folded
from eventstore.reader import LogReader
from eventstore.snapshots import Snapshots
from eventstore.state_cache import StateCache
from eventstore.turns import Turns

PAGE = 1_000
SNAPSHOT_EVERY = 1_000
"""Events of a conversation between two snapshots: what is folded behind one costs a few milliseconds."""


class States:
    """A cached state may be stale: the log's versions decide, and the loser reads on from what it has."""

    def __init__(
        self, reader: LogReader, *, cached: int, snapshot_every: int = SNAPSHOT_EVERY
    ) -> None:
        self._reader = reader
        self._snapshots = Snapshots(reader.connections)
        self._every = snapshot_every
        self._first_page = max(1, snapshot_every // 5)
        """Most conversations end within it, and cost no look for a snapshot that is not there."""
        self._codec = Codec()
        self._cache: StateCache[Folded] = StateCache(
            lambda folded: weight(folded.state) if folded.state is not None else 0, most=cached
        )
        self.turns = Turns()
        """By stream, of whoever decides on it in this process: a conversation is a sequence."""

    def cached(self, stream: str) -> Folded:
        return self._cache.get(stream) or UNKNOWN

    def remember(self, stream: str, folded: Folded) -> None:
        if folded.state is None:
            return
        if folded.version // self._every > self.cached(stream).version // self._every:
            self._snapshots.keep(stream, folded.state, folded.position)
        self._cache.put(stream, folded)

    async def stop(self) -> None:
        """While the reader still serves: snapshots on their way are kept."""
        await self._snapshots.stop()

    async def newest(self, stream: str, known: Folded | None = None) -> Folded:
        """As it stands now in the log, a page at a time on from what is known or from a later snapshot."""
        folded = known or self.cached(stream)
        limit = self._first_page
        while True:
            rows = await self._reader.stream_page(stream, folded.version, limit)
            if rows:
                folded = self.read_on(folded, rows)
            if len(rows) < limit:
                self.remember(stream, folded)
                return folded
            if limit == self._first_page:
                limit = PAGE
                if snapshot := await self._snapshots.find(stream, folded.version):
                    folded = snapshot
                    self._cache.put(stream, folded)

    def read_on(self, folded: Folded, rows: Sequence[StoredRow]) -> Folded:
        """With the stream's next events."""
        state = folded.state
        for row in rows:
            meta, event = self._codec.decode(row.topic, row.state)
            state = evolve(state, event, row.version, meta.occurred_at)
        return Folded(state, rows[-1].position)

    def decode(self, row: StoredRow) -> tuple[Meta, Any]:
        return self._codec.decode(row.topic, row.state)
