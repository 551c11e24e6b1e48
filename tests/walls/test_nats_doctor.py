"""What `verbatim doctor` tells of the deployed NATS to whom: what a login may not ask is left out, at once."""

import asyncio

from services.cli import checks_servers
from services.settings import Settings
from tests.services.compaction.whole import give_up
from tests.walls.nats_clients import server
from tests.walls.nats_users import DeployedNats

__all__ = ["server"]


def test_each_login_is_told_what_it_may_see(server: DeployedNats) -> None:
    def told(user: str) -> list[tuple[str, str]]:
        found = checks_servers.check_nats(Settings(nats_url=server.url(user)))
        return [(finding.check, finding.status) for finding in found]

    assert told("relay") == told("compaction") == [("nats", "ok")]
    asyncio.run(give_up(server.url("compaction"), "acme:c"))
    assert told("relay") == [("nats", "ok")]
    assert told("compaction") == [("nats", "ok"), ("compaction", "warn")]
