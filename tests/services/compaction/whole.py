"""All that compacts by itself, beside a test: the service over HTTP, a relay, a worker."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime
from typing import Any

from deploy.embedded.nats import EmbeddedNats
from domain.envelope import Recorded
from domain.events import ConversationCompacted
from eventstore.mapper import EventMapper
from projections.relay.jetstream import connected
from services.compaction.dead_letters import DeadLetter, DeadLetters, dead_letters
from services.compaction.doing import doing
from services.compaction.jobs import Patience
from services.compaction.worker import Worker
from services.settings import Settings
from tests.projections.relay.support import log_rows
from tests.servers import Database
from tests.services.support import Api, new_key, projecting, serving

TEXTS = [
    "My order {n} was sent to Harbour Street {n}, and the parcel code is ZX-{n}-Q.",
    "Thank you. I see order {n}: it left Rotterdam on 2026-03-{n:02} and will come soon.",
]
POLICY = {"strategy": "hybrid", "trigger_tokens": 600, "keep_recent": 6}


@contextmanager
def service(database: Database) -> Iterator[Api]:
    dsn = database.service
    key = new_key(dsn, unlimited=True)
    with (
        projecting(dsn),
        serving(dsn) as address,
        closing(Api(address, database, key)) as api,
    ):
        yield api


def settings_of(database: Database, server: EmbeddedNats, **more: Any) -> Settings:
    given = {"summarizer_retries": 0, "compaction_retry_seconds": 0.05} | more
    return Settings(database_url=database.service, nats_url=server.nats_url, **given)


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[Worker]:
    """A worker as its process wires it."""
    stop = asyncio.Event()
    async with doing(settings) as parts:
        patience = Patience(settings.compaction_attempts, settings.compaction_retry_seconds)
        worker = Worker(
            settings.nats_url, parts.compact, at_once=settings.compaction_at_once, patience=patience
        )
        task = asyncio.create_task(worker.run(stop))
        try:
            yield worker
        finally:
            stop.set()
            await asyncio.wait_for(task, 30)


def started(api: Api, name: str, **policy: Any) -> None:
    api.start(name, compaction=POLICY | policy)


def talk(api: Api, name: str, turns: int, first: int = 0) -> None:
    """Turns of a user and an assistant, about 30 tokens each, a request a message."""
    for n in range(first, first + turns):
        role = ("user", "assistant")[n % 2]
        message = {"role": role, "content": TEXTS[n % 2].format(n=n + 10)}
        assert api.post(f"/conversations/{name}/messages", message).status_code == 201


def compactions(database: Database) -> list[Recorded]:
    mapper = EventMapper()
    found = [mapper.recorded(row) for row in log_rows(database)]
    return [each for each in found if isinstance(each.event, ConversationCompacted)]


async def give_up(url: str, stream: str) -> None:
    """A dead letter of it, as a worker leaves one."""
    async with dead_letters(url) as letters:
        await letters.prepare()
        await letters.put(DeadLetter(stream, 1, "e", 5, "no model", datetime.now(UTC)))


async def letters(server: EmbeddedNats) -> list[DeadLetter]:
    async with connected(server.nats_url, "test") as nats:
        return [kept.letter for kept in await DeadLetters(nats.js).all()]
