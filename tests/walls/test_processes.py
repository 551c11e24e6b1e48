"""Every process does all of its work under its own role, and no other login is seen."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from deploy.embedded.nats import EmbeddedNats
from eventstore.appends import StoredRow
from eventstore.connect import check_server, connect
from eventstore.mapper import EventMapper
from eventstore.purge import purge_keys
from projections.relay.relay import Relay
from projections.relay.status import relay_status
from services.compaction.doing import doing
from services.compaction.jobs import Patience
from services.compaction.worker import Worker
from services.followers.relay import relay_wiring
from services.processes import Room
from services.settings import Settings
from tests.running import wait_until
from tests.servers import running_nats
from tests.services.cli.support import CommandLine
from tests.services.compaction.whole import POLICY, TEXTS
from tests.services.gateway.model_server import ModelServer, model_server
from tests.services.support import Api, new_key, projecting, serving
from tests.walls.roles import OURS, Divided

HTTP: tuple[Room, ...] = ("command", "query", "gateway")


@contextmanager
def in_a_loop(work: Any) -> Iterator[None]:
    """A follower's `run(stop)` on a thread of its own, as in its process."""
    held: dict[str, Any] = {}
    begun = threading.Event()

    async def main() -> None:
        held["loop"], held["stop"] = asyncio.get_running_loop(), asyncio.Event()
        begun.set()
        await work(held["stop"])

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert begun.wait(30)
    try:
        yield
    finally:
        held["loop"].call_soon_threadsafe(held["stop"].set)
        thread.join(30)
        assert not thread.is_alive()


@contextmanager
def running(divided: Divided, nats: EmbeddedNats, models: ModelServer) -> Iterator[dict[str, str]]:
    """All of them; the addresses of the HTTP ones."""

    def settings(role: str) -> Settings:
        return Settings(database_url=divided.dsn(role), nats_url=nats.nats_url)

    async def compacting(stop: asyncio.Event) -> None:
        async with doing(settings("compaction")) as parts:
            worker = Worker(nats.nats_url, parts.compact, at_once=2, patience=Patience(3, 0.05))
            await worker.run(stop)

    with ExitStack() as stack:
        stack.enter_context(projecting(divided.dsn("projections")))
        stack.enter_context(in_a_loop(Relay(relay_wiring(settings("relay"))).run))
        stack.enter_context(in_a_loop(compacting))
        yield {
            role: stack.enter_context(
                serving(divided.dsn(role), (role,), upstream_base_url=models.base_url)
            )
            for role in HTTP
        }


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedNats]:
    with running_nats(tmp_path_factory.mktemp("nats")) as server:
        yield server


def test_every_process_works_under_its_own_role(
    divided: Divided,
    nats: EmbeddedNats,
    models: ModelServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for role in sorted(OURS):
        check_server(divided.dsn(role))
    key = new_key(divided.dsn("operator"), scopes=("read", "write", "export"), unlimited=True)
    with running(divided, nats, models) as addresses, ExitStack() as stack:
        command, query, gateway = (
            stack.enter_context(closing(Api(addresses[role], None, key)))  # type: ignore[arg-type]
            for role in HTTP
        )
        _write(command)
        asyncio.run(purge_keys(divided.dsn("command")))
        _read(query)
        _chat(gateway)
        for api in (command, query, gateway):
            for page in ("/health/ready", "/metrics", "/schema/openapi.json"):
                assert httpx.get(f"{api.address}{page}", timeout=60).status_code == 200, page
        wait_until(lambda: "compaction" in _actors(divided))
        status = asyncio.run(relay_status(divided.dsn("relay"), nats.nats_url))
        assert status.running
        assert status.last is not None
        assert _logins(divided) == {f"verbatim_{role}_login" for role in OURS if role != "operator"}
    for role, arguments in TOOLS:
        ended = CommandLine(tmp_path)(
            *arguments.split(), env={"VERBATIM_DATABASE_URL": divided.dsn(role)}
        )
        assert ended.code == 0, f"{role}: {arguments}: {ended.err}"
    assert "permission denied" not in caplog.text


TOOLS = (
    ("operator", "keys create --workspace other --name x"),
    ("operator", "keys list"),
    ("operator", "keys audit"),
    ("operator", "exports"),
    ("projections", "projections status"),
    ("projections", "projections rebuild messages.v1"),
    ("projections", "projections verify"),
    ("projections", "projections retry"),
    ("query", "replay --workspace acme"),
    ("query", "export --workspace acme --format jsonl"),
    ("migration", "migrate"),
)
"""The commands that people run, each with the login that docs/operations.md names."""


def _write(api: Api) -> None:
    body = {"id": "long", "compaction": POLICY, "title": "x"}
    for replayed in (False, True):
        answer = api.post("/conversations", body, headers={"Idempotency-Key": "once"})
        assert answer.status_code == 201
        assert ("idempotent-replayed" in answer.headers) == replayed
    for n in range(40):
        message = {"role": ("user", "assistant")[n % 2], "content": TEXTS[n % 2].format(n=n + 10)}
        answer = api.post("/conversations/long/messages", message)
        assert answer.status_code == 201, answer.text
    assert api.post("/conversations", {"id": "long"}).status_code == 409
    assert api.patch("/conversations/long", {"title": "y"}).status_code == 200
    api.start("other", *(text.format(n=n) for n in range(20) for text in TEXTS))
    asked = api.post("/conversations/other/compact", {}, headers={"Idempotency-Key": "compact"})
    assert asked.status_code in {200, 201}, asked.text


def _read(api: Api) -> None:
    for path in (
        "/conversations?limit=1",
        "/conversations/long",
        "/conversations/long/messages?limit=2",
        "/conversations/long/context",
        "/conversations/search?q=harbour",
        "/conversations/stats",
        "/conversations/long/export?format=json",
    ):
        answer = api.get(path)
        assert answer.status_code == 200, f"{path}: {answer.text}"
    cursor = api.get("/conversations/long/messages?limit=1").json()["next_cursor"]
    assert api.get(f"/conversations/long/messages?limit=1&cursor={cursor}").status_code == 200


def _chat(api: Api) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    answer = api.post("/chat/completions", body, headers={"Idempotency-Key": "chat"})
    assert answer.status_code == 200, answer.text
    assert api.get("/conversations").status_code in {404, 405}  # the query's own


def _actors(divided: Divided) -> set[str | None]:
    mapper = EventMapper()
    with connect(divided.dsn("relay"), name="test") as connection:
        rows = connection.execute(
            "SELECT position, originator_id, originator_version, topic, state FROM events"
        ).fetchall()
    return {mapper.recorded(StoredRow(*row)).meta.actor for row in rows}


def _logins(divided: Divided) -> set[str]:
    with psycopg.connect(divided.superuser, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT DISTINCT usename FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    return {row[0] for row in rows}
