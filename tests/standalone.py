"""A service for commands that run outside pytest: servers, projections and the app in this process."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from eventstore.migrate import migrate
from tests.servers import fresh_database, running_postgres
from tests.services.support import Api, new_key, projecting, serving


@contextmanager
def running_service(folder: Path, **settings: Any) -> Iterator[Api]:
    """On a database of its own below `folder`."""
    with (
        running_postgres(folder / "data") as postgres,
        fresh_database(postgres, template="template1") as database,
    ):
        migrate(database.owner)
        with (
            projecting(database.service),
            serving(database.service, **settings) as address,
            closing(Api(address, database, new_key(database.service, unlimited=True))) as api,
        ):
            yield api
