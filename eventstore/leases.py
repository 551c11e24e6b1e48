"""Leases on idempotency keys: one request at a time calls a model on behalf of a key, over all processes."""

from eventstore.queries import query
from eventstore.reader import Connections

LIFETIME = "30 seconds"
RENEWED_EVERY = 10.0
"""Seconds."""


class KeyLeases:
    """Over somebody's connections."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._lease = query("lease_key")
        self._release = query("release_key")

    async def take(
        self, workspace: str, key: str, request_hash: bytes, holder: str
    ) -> tuple[bool, bytes]:
        """Whether `holder` has it now, and the hash of the request that it is for. Taken again, it is renewed."""
        values = {
            "workspace": workspace,
            "key": key,
            "hash": request_hash,
            "holder": holder,
            "lifetime": LIFETIME,
        }
        rows = await self._connections.fetch(self._lease, values)
        return rows[0][0] == holder, bytes(rows[0][1])

    async def release(self, workspace: str, key: str, holder: str) -> None:
        values = {"workspace": workspace, "key": key, "holder": holder}
        await self._connections.fetch(self._release, values)
