"""Wires a query service from settings."""

from typing import Any

from eventstore.reader import Connections
from services.http.cursors import Cursors
from services.http.endpoint import Endpoint
from services.query.consistency import Consistency
from services.query.routes import QueryRoutes
from services.settings import Settings


class QueryService:
    """Opens what reads need."""

    def __init__(self, settings: Settings, cursors: Cursors) -> None:
        self._connections = Connections(
            settings.database_url, name="query", size=settings.database_connections
        )
        self._consistency = Consistency(settings.database_url, settings.read_wait_seconds)
        routes = QueryRoutes(self._connections, self._consistency, cursors)
        self.endpoints: list[Endpoint] = routes.endpoints()

    async def start(self) -> None:
        """Raises psycopg.OperationalError where there is no server."""
        await self._connections.start()
        self._consistency.start()

    async def stop(self) -> None:
        await self._consistency.stop()
        await self._connections.stop()

    async def check(self) -> dict[str, Any]:
        """For health: how far each read model is. Raises eventstore.errors.Unavailable."""
        rows = await self._connections.fetch(
            b"SELECT t.name, h.position - t.position,"
            b" (SELECT count(*) FROM readmodels.parked p WHERE p.name = t.name)"
            b" FROM readmodels.tracking t, head h",
            {},
        )
        return {"read_models": {name: {"lag": lag, "parked": parked} for name, lag, parked in rows}}
