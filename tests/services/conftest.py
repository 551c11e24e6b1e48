"""One service a test module: each test takes names of its own."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from deploy.embedded.postgres import EmbeddedPostgres
from tests.servers import Database, fresh_database
from tests.services.support import Api, new_key, projecting, serving


@pytest.fixture(scope="module")
def module_database(postgres: EmbeddedPostgres) -> Iterator[Database]:
    with fresh_database(postgres, template="verbatim") as made:
        yield made


@pytest.fixture(scope="module")
def api(module_database: Database) -> Iterator[Api]:
    dsn = module_database.service
    key = new_key(dsn, unlimited=True)
    with (
        projecting(dsn),
        serving(dsn) as address,
        closing(Api(address, module_database, key)) as client,
    ):
        yield client
