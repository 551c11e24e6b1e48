"""Wires a query service from settings."""

import asyncio
from contextlib import suppress
from typing import Any

from domain.codec import Codec, CodecError
from eventstore.errors import Unavailable
from eventstore.reader import Connections, LogReader
from projections.checkpoints import RELAY_PREFIX
from projections.queries import query
from projections.registry import NAMES
from services.compaction.contexts import Contexts
from services.http.cursors import Cursors
from services.http.endpoint import Endpoint
from services.http.figures import Figures
from services.http.minting import Minter
from services.http.tokenizers import Tokenizers
from services.query.consistency import Consistency
from services.query.export_routes import ExportRoutes
from services.query.reads import Reads
from services.query.routes import query_endpoints
from services.settings import Settings


class QueryService:
    """Opens what reads need."""

    def __init__(
        self,
        settings: Settings,
        cursors: Cursors,
        minter: Minter,
        figures: Figures,
        tokenizers: Tokenizers | None = None,
    ) -> None:
        self._connections = Connections(
            settings.database_url, name="query", size=settings.database_connections
        )
        self._consistency = Consistency(
            settings.database_url, settings.read_wait_seconds, figures.waited
        )
        self._reader = LogReader(settings.database_url, size=2)
        self._lag = query("lag")
        self._codec = Codec()
        self._minter = minter
        self.reads = Reads(self._connections, self._consistency, cursors)
        self._tokenizers = tokenizers or Tokenizers(settings.tokenizer)
        contexts = Contexts(self._reader, self._tokenizers)
        self._export_reader = LogReader(settings.database_url, size=2)
        self._export_connections = Connections(settings.database_url, name="exports", size=1)
        exports = ExportRoutes(self.reads, self._export_reader, self._export_connections, minter)
        others = query_endpoints(
            self.reads,
            self._reader,
            minter,
            contexts,
            calls_a_model=settings.summarizer != "extracts",
        )
        self.endpoints: list[Endpoint] = [*exports.endpoints(), *others]

    async def start(self) -> None:
        """Raises psycopg.OperationalError where there is no server."""
        await self._connections.start()
        await self._reader.start()
        await asyncio.to_thread(self._tokenizers.tools)
        await self._export_reader.start()
        await self._export_connections.start()
        self._consistency.start()

    async def stop(self) -> None:
        await self._consistency.stop()
        await self._export_connections.stop()
        await self._export_reader.stop()
        await self._reader.stop()
        await self._connections.stop()

    @property
    def is_behind(self) -> bool:
        """Whether work waits for the database."""
        return self._connections.is_behind or self._reader.connections.is_behind

    async def check(self) -> dict[str, Any]:
        """For health: how far each read model and the relay is.

        Raises eventstore.errors.Unavailable, also while nobody has begun to build a read model that is read here: those
        that are being built anew, or are another version's, do not count.
        """
        rows = await self._connections.fetch(self._lag, {})
        found = {
            name: {"lag": lag, "lag_seconds": self._age(topic, state), "parked": parked}
            for name, lag, parked, topic, state in rows
        }
        if missing := [name for name in NAMES if name not in found]:
            raise Unavailable(
                f"no read models here yet: {', '.join(missing)}; start `verbatim projections run` of this version"
            )
        streams = {name: found.pop(name) for name in list(found) if name.startswith(RELAY_PREFIX)}
        return {
            "read_models": found,
            "streams": {
                name.removeprefix(RELAY_PREFIX): {
                    key: figures[key] for key in ("lag", "lag_seconds")
                }
                for name, figures in streams.items()
            },
            "connections": self._connections.use,
        }

    def _age(self, topic: str | None, state: bytes | None) -> float:
        """Seconds since the event occurred; 0 where there is none."""
        if topic is None or state is None:
            return 0.0
        with suppress(CodecError):
            occurred_at = self._codec.decode_meta(topic, state).occurred_at
            return round(max(0.0, (self._minter.now() - occurred_at).total_seconds()), 3)
        return 0.0
