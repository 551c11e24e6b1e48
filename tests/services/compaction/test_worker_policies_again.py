"""A policy that changes, told twice, beside messages, or in vain: what was done for it already is not done again."""

import asyncio

import nats
import pytest

from deploy.embedded.nats import EmbeddedNats
from domain.published import STREAM
from services.compaction import worker
from services.compaction.doing import doing
from tests.projections.relay.support import until
from tests.servers import Database
from tests.services.cli.conftest import cli
from tests.services.cli.support import CommandLine
from tests.services.compaction.policies import FAR, LONG_TAIL, changed, pinned, tokens
from tests.services.compaction.whole import (
    compactions,
    letters,
    settings_of,
    started,
    talk,
    working,
)
from tests.services.compaction.working_world import (
    Model,
    acknowledged,
    api,
    by_model,
    models,
    relay,
    server,
)
from tests.services.gateway.model_server import ModelServer
from tests.services.support import Api

__all__ = ["api", "cli", "models", "relay", "server"]


@pytest.mark.parametrize(("turns", "trigger"), [(30, 200), (100, 600)])
async def test_a_change_that_comes_again_changes_nothing(
    api: Api, database: Database, server: EmbeddedNats, relay: None, turns: int, trigger: int
) -> None:
    """Not even where what must stay is more than the trigger, or leaves no room for the rest below it: it was tried."""
    started(api, "c", trigger_tokens=FAR)
    talk(api, "c", turns)
    pinned(api, "c", is_pinned=True)
    changed(api, "c", trigger_tokens=trigger)
    client = await nats.connect(server.nats_url)
    heads: list[int] = []
    for _ in range(3):
        async with working(settings_of(database, server)) as at_work:
            await until(lambda at=at_work: at.counts.outcomes["done"] >= 1)
            await acknowledged(server)
        heads.append(api.head())
        await client.jetstream().delete_consumer(STREAM, worker.POLICIES)
    await client.close()
    assert len(compactions(database)) == 1
    assert tokens(api, "c") > trigger
    assert heads == [compactions(database)[0].position] * 3


async def test_another_policy_while_it_thinks(
    api: Api, database: Database, server: EmbeddedNats, relay: None, models: ModelServer
) -> None:
    """What was thought out under the old one is stored after the change: the new one is obeyed all the same."""
    started(api, "c", **LONG_TAIL)
    talk(api, "c", 50)
    model = Model()
    model.gate.clear()
    async with working(settings_of(database, server, **by_model(models, model))):
        await until(lambda: model.calls == 1)
        await asyncio.to_thread(changed, api, "c", trigger_tokens=300)
        model.gate.set()
        await acknowledged(server)
    assert len(compactions(database)) == 2
    assert tokens(api, "c") < 300


async def test_what_made_no_progress_says_nothing_of_a_context_made_anew(
    api: Api, database: Database, server: EmbeddedNats
) -> None:
    started(api, "c", strategy="sliding_window", keep_recent=1_000)
    talk(api, "c", 40)
    async with doing(settings_of(database, server)) as parts:
        result = await parts.compact("acme:c", "e1")
        assert result is not None
        assert result.event is None
        done = api.post("/conversations/c/compact", {"strategy": "hybrid", "target_tokens": 200})
        assert done.json()["data"]["tokens_saved"] > 0
        changed(api, "c", strategy="hybrid")
        talk(api, "c", 20, 40)
        assert 600 < tokens(api, "c") < result.state.context_tokens
        result = await parts.compact("acme:c", "e2")
    assert result is not None
    assert result.event is not None


async def test_a_dead_letter_of_a_change_knows_that_it_is_one(
    api: Api,
    database: Database,
    server: EmbeddedNats,
    relay: None,
    models: ModelServer,
    cli: CommandLine,
) -> None:
    """The context has not grown since the last compaction, and is past the new trigger only."""
    model = Model()
    started(api, "c", **LONG_TAIL)
    talk(api, "c", 50)
    settings = settings_of(database, server, compaction_attempts=2, **by_model(models, model))
    async with working(settings) as at_work:
        await until(lambda: len(compactions(database)) == 1)
        await acknowledged(server)
        model.failures = 1_000
        await asyncio.to_thread(changed, api, "c", trigger_tokens=tokens(api, "c") - 10)
        await until(lambda: at_work.counts.outcomes["given_up"] == 1)
        await acknowledged(server)
    assert len(await letters(server)) == 1
    model.failures = 0
    cli.set(database_url=database.service, nats_url=server.nats_url, summarizer_retries=0)
    cli.set(**by_model(models, model))
    ended = await asyncio.to_thread(cli, "dlq", "retry")
    assert ended.code == 0, ended.err
    assert "tokens became" in ended.out


async def test_a_change_and_a_message_that_fail(
    api: Api, database: Database, server: EmbeddedNats, relay: None, models: ModelServer
) -> None:
    """One of them stands for both; it is still known that the policy is another."""
    model = Model()
    started(api, "c")
    talk(api, "c", 12)
    pinned(api, "c", is_pinned=True)
    talk(api, "c", 18, 12)
    settings = settings_of(
        database, server, compaction_retry_seconds=0.5, **by_model(models, model)
    )
    async with working(settings):
        await until(lambda: len(compactions(database)) == 1)
        await acknowledged(server)
        await asyncio.to_thread(pinned, api, "c", is_pinned=False)
        model.failures = model.calls + 1
        await asyncio.to_thread(changed, api, "c", trigger_tokens=tokens(api, "c"))
        await asyncio.to_thread(talk, api, "c", 1, 30)
        await until(lambda: len(compactions(database)) == 2)
        await acknowledged(server)
    assert model.calls == 3
    assert await letters(server) == []


async def test_a_newer_change_stands_for_one_that_comes_back(
    api: Api, database: Database, server: EmbeddedNats, relay: None, models: ModelServer
) -> None:
    """It does not wait for that one; given up, too, they are one."""
    model = Model(failures=1_000)
    started(api, "c", trigger_tokens=FAR)
    talk(api, "c", 50)
    settings = settings_of(
        database,
        server,
        compaction_retry_seconds=2.0,
        compaction_attempts=2,
        **by_model(models, model),
    )
    async with working(settings) as at_work:
        for number in (1, 2):
            await asyncio.to_thread(changed, api, "c", trigger_tokens=700 - number)
            await until(lambda number=number: at_work.counts.outcomes["failed"] == number)
        await acknowledged(server)
    assert model.calls == 3
    assert at_work.counts.outcomes["given_up"] == 1
    (letter,) = await letters(server)
    assert letter.position == api.head()
