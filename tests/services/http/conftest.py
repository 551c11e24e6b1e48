"""The service with a model to ask."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.servers import Database
from tests.services.gateway.model_server import model_server
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
