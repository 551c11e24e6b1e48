"""What a process does beside its requests goes on when the database was there without our tables for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from eventstore import hint, purge
from eventstore.errors import SchemaMismatch
from services.query import consistency
from tests.projections.relay.support import until

Refusing = Callable[[Any], list[None]]


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Refusing:
    """Makes a module's connections fail; the list grows with each."""

    def make(module: Any) -> list[None]:
        tried: list[None] = []

        async def connect_async(*given: Any, **named: Any) -> Awaitable[None]:
            tried.append(None)
            raise SchemaMismatch("the database has no tables yet")

        monkeypatch.setattr(module, "connect_async", connect_async)
        return tried

    return make


async def test_expired_keys_are_seen_to(refusing: Refusing) -> None:
    tried = refusing(purge)
    purging = asyncio.create_task(purge.keep_purging("", every=0.01))
    await until(lambda: len(tried) > 1 or purging.done())
    assert not purging.done()
    purging.cancel()


async def test_hints_are_sent(refusing: Refusing) -> None:
    tried = refusing(hint)
    hinter = hint.Hinter("")
    hinter.start()
    await until(lambda: len(tried) > 0)
    await asyncio.sleep(0)
    await hinter.stop()


async def test_hints_are_heard(refusing: Refusing) -> None:
    tried = refusing(consistency)
    waits = consistency.Consistency("", 1.0, lambda _: None)
    waits.start()
    await until(lambda: len(tried) > 0)
    await asyncio.sleep(0)
    await waits.stop()
