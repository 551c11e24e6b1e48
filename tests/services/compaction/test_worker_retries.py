"""What fails is tried again, and given up in the end as a dead letter."""

import asyncio
from dataclasses import replace

from deploy.embedded.nats import EmbeddedNats
from domain.published import STREAM
from projections.relay.jetstream import connected
from services.compaction import pulling, worker
from tests.projections.relay.support import filled, until
from tests.servers import Database
from tests.services.cli.conftest import cli
from tests.services.cli.support import CommandLine
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


async def test_a_summariser_that_fails_is_tried_again(
    api: Api, database: Database, server: EmbeddedNats, relay: None, models: ModelServer
) -> None:
    model = Model(failures=2)
    started(api, "c")
    talk(api, "c", 30)
    async with working(settings_of(database, server, **by_model(models, model))) as at_work:
        await until(lambda: len(compactions(database)) == 1)
        await acknowledged(server)
    assert model.calls == 3
    assert at_work.counts.outcomes == {"done": 1, "failed": 2, "given_up": 0}
    assert await letters(server) == []


async def test_after_the_last_try_it_is_a_dead_letter_and_may_be_tried_again(
    api: Api,
    database: Database,
    server: EmbeddedNats,
    relay: None,
    models: ModelServer,
    cli: CommandLine,
) -> None:
    model = Model(failures=1_000)
    started(api, "c")
    talk(api, "c", 30)
    settings = settings_of(database, server, compaction_attempts=3, **by_model(models, model))
    async with working(settings) as at_work:
        await until(lambda: at_work.counts.outcomes["given_up"] == 1)
        await acknowledged(server)
    assert model.calls == 3
    assert compactions(database) == []
    (letter,) = await letters(server)
    assert (letter.stream, letter.attempts, letter.position) == ("acme:c", 3, api.head())
    assert letter.reason == "the summariser answered 500"

    cli.set(database_url=database.service, nats_url=server.nats_url, summarizer_retries=0)
    cli.set(**by_model(models, model))
    ended = await asyncio.to_thread(cli, "dlq", "list", "--json")
    assert ended.code == 1
    assert [each["stream"] for each in ended.json] == ["acme:c"]
    ended = await asyncio.to_thread(cli, "dlq", "list")
    assert "the summariser answered 500" in ended.out
    ended = await asyncio.to_thread(cli, "dlq", "retry")
    assert ended.code == 1
    assert "acme:c: failed again: the summariser answered 500" in ended.out
    assert len(await letters(server)) == 1
    model.failures = 0
    ended = await asyncio.to_thread(cli, "dlq", "retry", "acme:other")
    assert "has no dead letter" in ended.error
    ended = await asyncio.to_thread(cli, "dlq", "retry", "acme:c")
    assert ended.code == 0, ended.err
    assert "tokens became" in ended.out
    assert len(compactions(database)) == 1
    assert (await asyncio.to_thread(cli, "dlq", "list")).out == "no dead letters\n"
    assert (await asyncio.to_thread(cli, "dlq", "retry")).out == "no dead letters\n"


async def test_while_one_comes_back_newer_ones_are_not_tried(
    api: Api, database: Database, server: EmbeddedNats, relay: None, models: ModelServer
) -> None:
    model = Model(failures=1)
    started(api, "c")
    talk(api, "c", 30)
    settings = settings_of(
        database, server, compaction_retry_seconds=2.0, **by_model(models, model)
    )
    async with working(settings) as at_work:
        await until(lambda: at_work.counts.outcomes["failed"] == 1)
        await asyncio.to_thread(talk, api, "c", 5, 30)
        await until(lambda: len(compactions(database)) == 1)
        await acknowledged(server)
    assert model.calls == 2
    (done,) = compactions(database)
    assert done.event.watermark == 35  # the newest state was looked at


async def test_what_killed_its_worker_each_time_is_given_up_untried(
    api: Api, database: Database, server: EmbeddedNats, relay: None
) -> None:
    started(api, "c")
    talk(api, "c", 30)
    await filled(server, api.head())
    hasty = replace(worker.consumers()[0], ack_wait=0.2)

    async def room() -> int:
        return 1

    async with connected(server.nats_url, "test") as connection:
        await pulling.ensure_consumer(connection, STREAM, hasty)
        async for message in pulling.pulled(connection, STREAM, worker.DURABLE, room):
            if message.metadata.num_delivered == 2:  # never answered, as by one that died
                break
    async with working(settings_of(database, server, compaction_attempts=2)) as at_work:
        # So impatient a consumer may hand it out again before the letter is stored.
        await until(lambda: at_work.counts.outcomes["given_up"] > 0)
        await acknowledged(server)
    assert compactions(database) == []
    (letter,) = await letters(server)
    assert letter.reason == "a worker ended each time that it was at it"
