"""A few thousand cases; `python -m tests.hostile` is the long run."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from services.http import connection
from tests.hostile.run import Target, attack
from tests.hostile.silences import Silences
from tests.servers import Database
from tests.services.gateway.model_server import model_server
from tests.services.support import ROOMS, new_key, projecting, serving

CASES, SEED = 3_000, 1


@pytest.fixture(scope="module")
def target(module_database: Database) -> Iterator[Target]:
    """A process's worth of service for each room."""
    dsn = module_database.service
    with ExitStack() as stack:
        stack.enter_context(projecting(dsn))
        models = stack.enter_context(model_server())
        addresses = {
            room: stack.enter_context(serving(dsn, (room,), upstream_base_url=models.base_url))
            for room in ROOMS
        }
        keys = new_key(dsn, "acme", unlimited=True), new_key(dsn, "rival", unlimited=True)
        yield Target(addresses, keys, dsn)


def test_no_input_breaks_it(target: Target) -> None:
    found = attack(target, CASES, SEED, print)
    assert found.wrong == []
    assert found.cases >= CASES * 0.9


def test_who_sends_too_little_is_ended(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(connection, "LOOK_SECONDS", 0.1)
    silences = Silences(target.place("command"), target.keys[0])
    silences.start()
    assert silences.left(20) == set()
