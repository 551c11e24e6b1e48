"""One divided database a module: roles are the server's, and one set of logins serves all."""

from collections.abc import Iterator

import pytest

from deploy.embedded.postgres import EmbeddedPostgres
from tests.walls.roles import Divided, divided_database


@pytest.fixture(scope="module")
def divided(postgres: EmbeddedPostgres) -> Iterator[Divided]:
    with divided_database(postgres) as made:
        yield made
