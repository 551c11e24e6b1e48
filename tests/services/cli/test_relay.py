"""`verbatim relay`: run, status, refill, against real servers."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from deploy.embedded.nats import EmbeddedNats
from projections.relay.stream import STREAM
from tests.projections.relay.support import GrowingLog, check_whole, filled
from tests.servers import Database
from tests.services.cli.support import CommandLine


@pytest.fixture
def log(database: Database) -> GrowingLog:
    return GrowingLog(database, 51, commands=300)


@pytest.fixture
def relay(cli: CommandLine, database: Database, nats_server: EmbeddedNats) -> CommandLine:
    """The command line set to servers of which NATS is empty."""
    cli.set(database_url=database.service, nats_url=nats_server.nats_url, stream_max_days=20_000)
    return cli


def test_before_the_first_relay(relay: CommandLine, log: GrowingLog) -> None:
    log.grow()
    ended = relay("relay", "status")
    assert ended.code == 1
    assert f"{STREAM}: there is none" in ended.out
    assert "none: start `verbatim relay run`" in ended.out
    assert relay("relay", "status", "--json").json == {
        "stream": STREAM,
        "first": None,
        "last": None,
        "head": log.head,
        "lag": log.head,
        "running": False,
    }


def test_refill_and_then_status(
    relay: CommandLine, log: GrowingLog, database: Database, nats_server: EmbeddedNats
) -> None:
    log.grow(100)
    ended = relay("relay", "refill")
    assert ended.code == 0, ended.err
    assert "positions 1 to 100" in ended.out
    asyncio.run(check_whole(database, nats_server))
    log.grow(20)
    ended = relay("relay", "status")
    assert ended.code == 0
    assert "behind  20 events" in ended.out


def test_a_stream_that_is_ahead_of_the_log(
    relay: CommandLine, log: GrowingLog, empty_log: str
) -> None:
    log.grow(100)
    relay("relay", "refill")
    ended = relay("relay", "status", env={"VERBATIM_DATABASE_URL": empty_log})
    assert ended.code == 1
    assert "behind  -100 events" in ended.out
    assert "`verbatim relay refill`" in ended.err


@pytest.fixture
def empty_log(postgres) -> Iterator[str]:
    from tests.servers import fresh_database

    with fresh_database(postgres, template="verbatim") as other:
        yield other.service


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nats://127.0.0.1:1", "NATS: "),
        ("nats://verbatim:wrong@{address}", "Authorization"),
    ],
)
def test_nats_that_cannot_be_used(
    relay: CommandLine, nats_server: EmbeddedNats, url: str, told: str
) -> None:
    address = nats_server.nats_url.rpartition("@")[2]
    for command in ("status", "refill"):
        ended = relay("relay", command, env={"VERBATIM_NATS_URL": url.format(address=address)})
        assert ended.code == 2
        assert told in ended.error


def test_without_settings(cli: CommandLine, database: Database) -> None:
    assert "VERBATIM_DATABASE_URL" in cli("relay", "status").error
    cli.set(database_url=database.service)
    assert "VERBATIM_NATS_URL" in cli("relay", "status").error


def test_a_size_that_the_server_does_not_have(relay: CommandLine, log: GrowingLog) -> None:
    log.grow(10)
    ended = relay("relay", "refill", env={"VERBATIM_STREAM_MAX_MEGABYTES": "99999999"})
    assert ended.code == 2
    assert "VERBATIM_STREAM_MAX_MEGABYTES" in ended.error


def test_run_until_it_is_told_to_end(
    relay: CommandLine, log: GrowingLog, database: Database, nats_server: EmbeddedNats
) -> None:
    log.grow(100)
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "relay", "run"],
        env=os.environ | relay.environ,
        stderr=subprocess.PIPE,
    )
    try:
        asyncio.run(filled(nats_server, log.head))
        assert relay("relay", "status", "--json").json["running"]
        log.grow()
        asyncio.run(filled(nats_server, log.head))
        process.send_signal(signal.SIGTERM)
        _, logged = process.communicate(timeout=10)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert b"the relay goes on after position 0" in logged
    assert b"Traceback" not in logged
    asyncio.run(check_whole(database, nats_server))
