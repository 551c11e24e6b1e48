"""A service with a model as its summariser; fixtures of tests with it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.servers import Database
from tests.services.compaction.asking import data_list
from tests.services.compaction.models import Model
from tests.services.support import Api, new_key, serving

KEY = "sk-test-of-the-summarizer"


@contextmanager
def summarised(database: Database, model: Model, timeout_seconds: float = 60.0) -> Iterator[Api]:
    settings = {
        "summarizer": "openai",
        "summarizer_base_url": f"{model.address}/v1",
        "summarizer_api_key": KEY,
        "summarizer_model": "small-model",
        "summarizer_timeout_seconds": timeout_seconds,
        "summarizer_retries": 1,
    }
    dsn = database.service
    with (
        serving(dsn, **settings) as address,
        closing(Api(address, database, new_key(dsn, unlimited=True))) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def served(module_database: Database, model: Model) -> Iterator[Api]:
    with summarised(module_database, model) as client:
        yield client


@pytest.fixture(autouse=True)
def afresh(model: Model) -> None:
    model.afresh()


def compactions(api: Api, name: str) -> list:
    return [e for e in data_list(api, name) if e["type"] == "verbatim.conversation_compacted.v1"]
