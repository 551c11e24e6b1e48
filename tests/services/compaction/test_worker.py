"""Past its trigger a conversation's context shrinks by itself, whatever breaks on the way."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import nats
import psycopg
import pytest

from deploy.embedded.nats import EmbeddedNats
from domain.events import MessageAppended
from domain.published import STREAM
from eventstore.mapper import EventMapper
from projections.relay.errors import NatsUnavailable
from projections.relay.jetstream import connected
from services.compaction import pulling, worker
from services.compaction.doing import doing
from tests.projections.relay.conftest import server
from tests.projections.relay.support import filled, log_rows, relaying, until, wired
from tests.running import wait_until
from tests.servers import Database, running_nats
from tests.services.cli.conftest import cli
from tests.services.cli.support import CommandLine
from tests.services.compaction.whole import (
    compactions,
    letters,
    service,
    settings_of,
    started,
    talk,
    working,
)
from tests.services.gateway.model_server import Asked, ModelServer, Reply, completion, model_server
from tests.services.support import Api

__all__ = ["cli", "server"]

GOOD = completion("Orders 10 to 40 left Rotterdam in March; parcel codes begin with ZX.")


@pytest.fixture
def api(database: Database) -> Iterator[Api]:
    with service(database) as api:
        yield api


@pytest.fixture
async def relay(database: Database, server: EmbeddedNats) -> AsyncIterator[None]:
    async with relaying(wired(database, server)):
        yield


@pytest.fixture
def models() -> Iterator[ModelServer]:
    with model_server() as models:
        yield models


class Model:
    """A summariser that fails so many times first; `gate` holds its answers back."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.calls = 0
        self.gate = threading.Event()
        self.gate.set()

    async def __call__(self, asked: Asked, reply: Reply) -> None:
        self.calls += 1
        fails = self.calls <= self.failures
        while not self.gate.is_set() and not reply.gone.is_set():  # noqa: ASYNC110 - a thread's
            await asyncio.sleep(0.01)
        await reply.whole(b"{}" if fails else GOOD, 500 if fails else 200)


def by_model(models: ModelServer, model: Model) -> dict[str, str]:
    models.behave("short", model)
    return {
        "summarizer": "openai",
        "summarizer_base_url": models.base_url,
        "summarizer_model": "short",
    }


async def test_past_its_trigger_a_context_shrinks_by_itself(
    api: Api, database: Database, server: EmbeddedNats, relay: None
) -> None:
    async with working(settings_of(database, server)):
        started(api, "long")
        await asyncio.to_thread(talk, api, "long", 30)
        await until(lambda: len(compactions(database)) >= 1)
        await _acknowledged(server)
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
        await _acknowledged(server)
    (done,) = compactions(database)
    assert done.conversation == "due"
    assert await letters(server) == []


async def _acknowledged(server: EmbeddedNats) -> None:
    """Until every message in the stream was dealt with."""
    async with asyncio.timeout(60), connected(server.nats_url, "test") as connection:
        while True:
            info = await connection.js.consumer_info(STREAM, worker.DURABLE)
            if info.num_pending == 0 and info.num_ack_pending == 0:
                return
            await asyncio.sleep(0.02)


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
        await _acknowledged(server)
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
            await _acknowledged(server)
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


async def test_a_summariser_that_fails_is_tried_again(
    api: Api, database: Database, server: EmbeddedNats, relay: None, models: ModelServer
) -> None:
    model = Model(failures=2)
    started(api, "c")
    talk(api, "c", 30)
    async with working(settings_of(database, server, **by_model(models, model))) as at_work:
        await until(lambda: len(compactions(database)) == 1)
        await _acknowledged(server)
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
        await _acknowledged(server)
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
        await _acknowledged(server)
    assert model.calls == 2
    (done,) = compactions(database)
    assert done.event.watermark == 35  # the newest state was looked at


async def test_what_killed_its_worker_each_time_is_given_up_untried(
    api: Api, database: Database, server: EmbeddedNats, relay: None
) -> None:
    started(api, "c")
    talk(api, "c", 30)
    await filled(server, api.head())
    hasty = replace(worker._consumer(), ack_wait=0.2)

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
        await _acknowledged(server)
    assert compactions(database) == []
    (letter,) = await letters(server)
    assert letter.reason == "a worker ended each time that it was at it"


async def test_a_worker_survives_a_killed_server(
    api: Api, database: Database, tmp_path: Path
) -> None:
    started(api, "c")
    with running_nats(tmp_path / "nats") as server:
        settings = settings_of(database, server)
        async with relaying(wired(database, server)), working(settings) as at_work:
            await until(lambda: at_work.counts.subscriptions == 1)
            assert server.child is not None
            server.child.kill()
            server.child.wait()
            await asyncio.to_thread(talk, api, "c", 30)
            await asyncio.to_thread(server.start)
            await until(lambda: len(compactions(database)) == 1)
            assert at_work.counts.subscriptions > 1


async def test_a_consumer_that_is_deleted_is_made_again(
    api: Api, database: Database, server: EmbeddedNats, relay: None
) -> None:
    started(api, "c")
    client = await nats.connect(server.nats_url)
    async with working(settings_of(database, server)) as at_work:
        await until(lambda: at_work.counts.subscriptions == 1)
        await client.jetstream().delete_consumer(STREAM, worker.DURABLE)
        await asyncio.to_thread(talk, api, "c", 30)
        await until(lambda: len(compactions(database)) == 1)
        assert at_work.counts.subscriptions > 1
    await client.close()


async def test_a_silent_subscription_is_noticed(
    server: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request reaches somebody who never answers, not even with a heartbeat."""
    monkeypatch.setattr(pulling, "SILENCE_SECONDS", 0.2)
    deaf = await nats.connect(server.nats_url)
    heard = await deaf.subscribe("$JS.API.CONSUMER.MSG.NEXT.NONE.deaf")
    await deaf.flush()

    async def room() -> int:
        return 1

    async with connected(server.nats_url, "test") as connection:
        with pytest.raises(NatsUnavailable, match="silent"):
            async for _ in pulling.pulled(connection, "NONE", "deaf", room):
                pass
    assert (await heard.next_msg(30)).data
    await deaf.close()


async def test_an_idle_subscription_is_not_taken_for_silent(
    server: EmbeddedNats, relay: None, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    """It hears heartbeats, and asks again when its request has ended."""
    monkeypatch.setattr(pulling, "EXPIRES_SECONDS", 0.5)
    monkeypatch.setattr(pulling, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(pulling, "SILENCE_SECONDS", 0.4)
    asked: list[float] = []

    async def room() -> int:
        asked.append(time.monotonic())
        return 1

    async def listen() -> None:
        async with connected(server.nats_url, "test") as connection:
            async with asyncio.timeout(30):
                while True:  # the relay makes the stream
                    try:
                        await pulling.ensure_consumer(connection, STREAM, worker._consumer())
                        break
                    except nats.js.errors.NotFoundError:
                        await asyncio.sleep(0.02)
            async for _ in pulling.pulled(connection, STREAM, worker.DURABLE, room):
                raise AssertionError("there is nothing to hear")

    listening = asyncio.create_task(listen())
    await until(lambda: len(asked) == 4 or listening.done())
    assert not listening.done()
    listening.cancel()
    await asyncio.wait([listening])


async def test_a_lost_database_is_waited_for(
    api: Api, database: Database, server: EmbeddedNats, relay: None, models: ModelServer, caplog
) -> None:
    """Its connections are cut while the model writes: no attempt is spent, no letter written."""
    caplog.set_level(logging.WARNING)
    model = Model()
    model.gate.clear()
    started(api, "c")
    talk(api, "c", 30)
    settings = settings_of(database, server, compaction_attempts=1, **by_model(models, model))
    async with working(settings):
        await until(lambda: model.calls == 1)
        with psycopg.connect(database.superuser, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        model.gate.set()
        await until(lambda: len(compactions(database)) == 1)
        await _acknowledged(server)
    assert await letters(server) == []


@contextmanager
def worker_process(
    database: Database, server: EmbeddedNats, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    environ = os.environ | {
        "VERBATIM_DATABASE_URL": database.service,
        "VERBATIM_NATS_URL": server.nats_url,
        **{f"VERBATIM_{name.upper()}": value for name, value in settings.items()},
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "compaction", "run"],
        env=environ,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


@asynccontextmanager
async def asking(model: Model, database: Database, server: EmbeddedNats, **settings: str):
    """A worker process in the middle of a summary."""
    with worker_process(database, server, **settings) as process:
        await asyncio.to_thread(wait_until, lambda: model.calls > 0, 60)
        yield process


async def test_sigterm_in_the_middle_of_a_summary(
    api: Api, database: Database, server: EmbeddedNats, relay: None, models: ModelServer
) -> None:
    """It ends at once, half of nothing is written, and the next worker has the message at once."""
    model = Model()
    model.gate.clear()
    started(api, "c")
    talk(api, "c", 30)
    by = by_model(models, model)
    async with asking(model, database, server, **by) as process:
        process.send_signal(signal.SIGTERM)
        _, logged = await asyncio.to_thread(process.communicate, timeout=10)
    assert process.returncode == 0
    assert b"Traceback" not in logged
    assert compactions(database) == []
    model.gate.set()
    async with working(settings_of(database, server, **by)):
        await until(lambda: len(compactions(database)) == 1, 20)  # below the consumer's patience
        await _acknowledged(server)
    assert await letters(server) == []
