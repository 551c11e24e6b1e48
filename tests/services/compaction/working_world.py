"""Fixtures of tests with a worker: the service, a relay, a model whose answers can fail or be held back."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.embedded.nats import EmbeddedNats
from domain.published import STREAM
from projections.relay.jetstream import connected
from services.compaction import worker
from tests.projections.relay.conftest import server
from tests.projections.relay.support import relaying, wired
from tests.servers import Database
from tests.services.compaction.whole import service
from tests.services.gateway.model_server import Asked, ModelServer, Reply, completion, model_server
from tests.services.support import Api

__all__ = ["Model", "acknowledged", "api", "by_model", "models", "relay", "server"]

GOOD = completion("Orders 10 to 40 left Rotterdam in March; parcel codes begin with ZX.")


@pytest.fixture
def api(database: Database) -> Iterator[Api]:
    with service(database) as api:
        yield api


@pytest.fixture
async def relay(database: Database, server: EmbeddedNats) -> AsyncIterator[None]:
    async with relaying(wired(database, server)):
        yield


@pytest.fixture
def models() -> Iterator[ModelServer]:
    with model_server() as models:
        yield models


class Model:
    """A summariser that fails so many times first; `gate` holds its answers back."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.calls = 0
        self.gate = threading.Event()
        self.gate.set()

    async def __call__(self, asked: Asked, reply: Reply) -> None:
        self.calls += 1
        fails = self.calls <= self.failures
        while not self.gate.is_set() and not reply.gone.is_set():  # noqa: ASYNC110 - a thread's
            await asyncio.sleep(0.01)
        await reply.whole(b"{}" if fails else GOOD, 500 if fails else 200)


def by_model(models: ModelServer, model: Model) -> dict[str, str]:
    models.behave("short", model)
    return {
        "summarizer": "openai",
        "summarizer_base_url": models.base_url,
        "summarizer_model": "short",
    }


async def acknowledged(server: EmbeddedNats) -> None:
    """Until every message in the stream was dealt with."""
    async with asyncio.timeout(60), connected(server.nats_url, "test") as connection:
        names = [config.durable_name for config in worker.consumers()]
        while True:
            infos = [await connection.js.consumer_info(STREAM, name) for name in names]
            if all(info.num_pending == 0 and info.num_ack_pending == 0 for info in infos):
                return
            await asyncio.sleep(0.02)
