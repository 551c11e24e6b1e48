"""The service with a model to ask, and what it offers."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.servers import Database
from tests.services.gateway.model_server import model_server
from tests.services.http.contract import Findings, Operation, operations
from tests.services.support import Api, new_key, projecting, serving


@pytest.fixture(scope="module")
def api(module_database: Database) -> Iterator[Api]:
    dsn = module_database.service
    key = new_key(dsn, unlimited=True)
    with (
        model_server() as models,
        projecting(dsn),
        serving(dsn, upstream_base_url=models.base_url) as address,
        closing(Api(address, module_database, key)) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def all_operations(api: Api) -> list[Operation]:
    found = operations(api)
    assert len(found) >= 10
    return found


@pytest.fixture
def findings() -> Iterator[Findings]:
    found = Findings()
    yield found
    found.none()
