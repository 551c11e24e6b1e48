"""Past its trigger a conversation's context shrinks by itself, once, however many workers there are."""

import asyncio

import nats

from deploy.embedded.nats import EmbeddedNats
from domain.events import MessageAppended
from domain.published import STREAM
from eventstore.mapper import EventMapper
from services.compaction import worker
from services.compaction.doing import doing
from tests.projections.relay.support import log_rows, until
from tests.servers import Database
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

__all__ = ["api", "models", "relay", "server"]


async def test_past_its_trigger_a_context_shrinks_by_itself(
    api: Api, database: Database, server: EmbeddedNats, relay: None
) -> None:
    async with working(settings_of(database, server)):
        started(api, "long")
        await asyncio.to_thread(talk, api, "long", 30)
        await until(lambda: len(compactions(database)) >= 1)
        await acknowledged(server)
        await asyncio.to_thread(talk, api, "long", 2, 30)  # below it now: nothing more
    shown = api.get("/conversations/long").json()["data"]
    assert shown["context_tokens"] < 600
    assert shown["message_count"] == 32
    done = compactions(database)
    positions = {row.position: EventMapper().recorded(row) for row in log_rows(database)}
    for recorded in done:
        assert recorded.event.trigger == "automatic"
        assert recorded.meta.actor == "compaction"
        assert recorded.event.tokens_after <= recorded.event.tokens_before * 0.9
        (cause,) = [r for r in positions.values() if r.meta.event_id == recorded.meta.causation]
        assert isinstance(cause.event, MessageAppended)
        assert cause.event.context_tokens >= 600
        assert cause.position < recorded.position
    summaries = api.get("/conversations/long/summaries").json()["data"]
    assert len(summaries) == len(done)
    assert await letters(server) == []


async def test_what_is_not_due_is_left_alone(
    api: Api, database: Database, server: EmbeddedNats, relay: None
) -> None:
    started(api, "none", strategy="none")
    talk(api, "none", 30)
    started(api, "short")
    talk(api, "short", 5)
    started(api, "gone")
    talk(api, "gone", 30)
    api.delete("/conversations/gone")
    started(api, "due")
    talk(api, "due", 30)
    async with working(settings_of(database, server)):
        await until(lambda: len(compactions(database)) == 1)
        await acknowledged(server)
    (done,) = compactions(database)
    assert done.conversation == "due"
    assert await letters(server) == []


async def test_several_workers_compact_each_conversation_once(
    api: Api, database: Database, server: EmbeddedNats, relay: None
) -> None:
    names = [f"c{n}" for n in range(6)]
    for name in names:
        started(api, name)
    settings = settings_of(database, server)
    async with working(settings), working(settings):
        for name in names:
            await asyncio.to_thread(talk, api, name, 24)
        await until(lambda: {r.conversation for r in compactions(database)} == set(names))
        await acknowledged(server)
    counts = [r.conversation for r in compactions(database)]
    assert sorted(counts) == names


async def test_a_message_that_comes_again_changes_nothing(
    api: Api, database: Database, server: EmbeddedNats, relay: None
) -> None:
    """Its successor's first message is the last of each conversation: the one that was dealt with already."""
    started(api, "c")
    talk(api, "c", 30)
    client = await nats.connect(server.nats_url)
    heads: list[int] = []
    for _ in range(3):
        async with working(settings_of(database, server)) as at_work:
            await until(lambda at=at_work: at.counts.outcomes["done"] == 1)
            await acknowledged(server)
        heads.append(api.head())
        await client.jetstream().delete_consumer(STREAM, worker.DURABLE)
    await client.close()
    assert len(compactions(database)) == 1
    assert heads == [compactions(database)[0].position] * 3
    assert await letters(server) == []


async def test_one_compaction_of_a_conversation_at_a_time(
    api: Api, database: Database, server: EmbeddedNats, models: ModelServer
) -> None:
    """Across processes: the second one waits, finds nothing to do, and no model is called twice."""
    started(api, "c")
    talk(api, "c", 30)
    model = Model()
    model.gate.clear()
    settings = settings_of(database, server, **by_model(models, model))
    async with doing(settings) as one, doing(settings) as other:
        both = [asyncio.create_task(each.compact("acme:c", "e1")) for each in (one, other)]
        await until(lambda: model.calls == 1)
        await asyncio.wait(both, timeout=1)
        model.gate.set()
        results = await asyncio.gather(*both)
    assert sorted(result.event is not None for result in results if result) == [False, True]
    assert model.calls == 1
    assert len(compactions(database)) == 1


async def test_what_comes_while_it_thinks_is_compacted_too(
    api: Api, database: Database, server: EmbeddedNats, models: ModelServer
) -> None:
    """The conversation falls silent while a model writes: its context is below its trigger all the same."""
    started(api, "c")
    talk(api, "c", 30)
    model = Model()
    model.gate.clear()
    async with doing(settings_of(database, server, **by_model(models, model))) as parts:
        task = asyncio.create_task(parts.compact("acme:c", "e1"))
        await until(lambda: model.calls == 1)
        await asyncio.to_thread(talk, api, "c", 40, 30)
        model.gate.set()
        result = await task
    assert result is not None
    assert result.event is not None
    assert len(compactions(database)) == 2
    shown = api.get("/conversations/c").json()["data"]
    assert shown["context_tokens"] == result.event.tokens_after < 600
