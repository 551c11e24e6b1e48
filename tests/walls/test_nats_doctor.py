"""What `verbatim doctor` tells of the deployed NATS to whom: what a login may not ask is left out, at once."""

import asyncio
from datetime import UTC, datetime

from services.cli import checks_servers
from services.compaction.dead_letters import DeadLetter, dead_letters
from services.settings import Settings
from tests.walls.nats_clients import server
from tests.walls.nats_users import DeployedNats

__all__ = ["server"]


async def _give_up(url: str) -> None:
    async with dead_letters(url) as letters:
        await letters.put(DeadLetter("acme:c", 1, "e", 5, "no model", datetime.now(UTC)))


def test_each_login_is_told_what_it_may_see(server: DeployedNats) -> None:
    def told(user: str) -> list[tuple[str, str]]:
        found = checks_servers.check_nats(Settings(nats_url=server.url(user)))
        return [(finding.check, finding.status) for finding in found]

    assert told("relay") == told("compaction") == [("nats", "ok")]
    asyncio.run(_give_up(server.url("compaction")))
    assert told("relay") == [("nats", "ok")]
    assert told("compaction") == [("nats", "ok"), ("compaction", "warn")]
