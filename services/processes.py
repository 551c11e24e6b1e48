"""Wires the processes that serve: one function each, everything by parameters."""

import secrets
import signal
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import FrameType
from typing import Literal

from eventstore.connect import check_server, connect
from eventstore.reader import Connections
from projections.registry import Group
from projections.relay.relay import Relay, Wiring
from projections.relay.stream import Bounds
from projections.runner import Runner
from services.command.wiring import CommandService
from services.compaction.doing import doing
from services.compaction.jobs import Patience
from services.compaction.worker import Worker
from services.ending import end_within
from services.follower_figures import RelayFigures, WorkerFigures
from services.gateway.wiring import GatewayService
from services.http.addresses import Addresses
from services.http.app import build_app
from services.http.cursors import Cursors
from services.http.docs import document_pages
from services.http.edge import Edge
from services.http.endpoint import Endpoint
from services.http.figures import Figures
from services.http.guessing import Guesses
from services.http.health import Check, health_pages
from services.http.keys import KeyRing
from services.http.limits import Limiter
from services.http.metrics import metrics_page
from services.http.minting import Minter
from services.http.overload import Load
from services.http.server import allow_connections, listen, serve, settle_memory, stop_on_signals
from services.http.tokenizers import Tokenizers
from services.metrics_port import metrics_port
from services.production import check_login
from services.query.wiring import QueryService
from services.settings import Settings
from services.version import VERSION

Room = Literal["command", "query", "gateway"]
ROOMS: tuple[Room, ...] = ("command", "query", "gateway")


async def run_http(settings: Settings, rooms: tuple[Room, ...]) -> None:
    """Serve commands, queries, the gateway or all of them on one port, from the same tables of endpoints, until a signal.

    Raises PortTaken, eventstore.errors.EventStoreError, psycopg.OperationalError.
    """
    _check_server(settings)
    listener = listen(settings.host, settings.port)
    allow_connections(settings.max_connections)
    async with http_app(settings, rooms) as app:
        settle_memory()
        await serve(app, listener, stop_on_signals())


@asynccontextmanager
async def http_app(settings: Settings, rooms: tuple[Room, ...]) -> AsyncGenerator[Edge]:
    """The app of these rooms, its parts started; at the end what is queued is flushed."""
    minter = Minter()
    figures = Figures()
    parts = _parts(settings, rooms, minter, figures, cursors_of)
    checks: dict[str, Check] = {name: part.check for name, part in parts.items()}
    keys = Connections(settings.database_url, name="keys", size=1)
    endpoints = [endpoint for room in rooms for endpoint in parts[room].endpoints]

    def whole_api() -> list[Endpoint]:
        """Behind one entry all rooms are one API, so each process describes all of it."""
        others = _parts(settings, ROOMS, minter, Figures(), lambda _: Cursors(b"of nobody"))
        return [endpoint for room in ROOMS for endpoint in others[room].endpoints]

    open_pages = [*health_pages(checks, VERSION), metrics_page(checks, figures)]
    app = build_app(
        endpoints,
        [*open_pages, *document_pages(whole_api, open_pages, VERSION)],
        keys=KeyRing(keys),
        minter=minter,
        limiter=Limiter(
            per_key=settings.rate_limit_key, per_workspace=settings.rate_limit_workspace
        ),
        figures=figures,
        guesses=Guesses(settings.refused_keys, Addresses(settings.trusted_proxies.split())),
        max_body=settings.max_body_bytes,
        cors_origins=settings.cors_origins.split(),
        load=Load(
            settings.overload_wait_seconds,
            behind=lambda: any(part.is_behind for part in parts.values()),
        ),
        most_connections=settings.max_connections,
    )
    async with AsyncExitStack() as stack:
        for part in (keys, *parts.values()):
            await part.start()
            stack.push_async_callback(part.stop)
        yield app


def _parts(
    settings: Settings,
    rooms: tuple[Room, ...],
    minter: Minter,
    figures: Figures,
    cursors: Callable[[Settings], Cursors],
) -> dict[str, CommandService | QueryService | GatewayService]:
    """What these rooms are made of, in the order of their start. Nothing is opened yet."""
    command = query = None
    parts: dict[str, CommandService | QueryService | GatewayService] = {}
    tokenizers = Tokenizers(settings.tokenizer)
    if "command" in rooms or "gateway" in rooms:
        parts["command"] = command = CommandService(settings, minter, figures, tokenizers)
    if "query" in rooms or "gateway" in rooms:
        parts["query"] = query = QueryService(
            settings, cursors(settings), minter, figures, tokenizers
        )
    if "gateway" in rooms and command is not None and query is not None:
        parts["gateway"] = GatewayService(settings, minter, command, query)
    return parts


def run_projections(settings: Settings, group: Group) -> None:
    """Keep a group of read models up to date until SIGTERM or SIGINT."""
    _check_server(settings)
    stop = threading.Event()

    def asked(number: int, frame: FrameType | None) -> None:
        del number, frame
        if not stop.is_set():
            end_within()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked)
    with metrics_port(settings):
        Runner(settings.database_url, group, page=settings.page_size, stop=stop).run()


async def run_relay(settings: Settings) -> None:
    """Keep the JetStream stream filled until SIGTERM or SIGINT."""
    _check_server(settings)
    relay = Relay(relay_wiring(settings))
    with metrics_port(settings, [RelayFigures(relay)]):
        await relay.run(stop_on_signals())


def relay_wiring(settings: Settings) -> Wiring:
    return Wiring(
        database_url=settings.database_url,
        nats_url=settings.nats_url,
        bounds=Bounds(
            seconds=settings.stream_max_days * 86_400.0,
            bytes=settings.stream_max_megabytes << 20,
            replicas=settings.stream_replicas,
        ),
        content=settings.publish_content,
    )


async def run_compaction(settings: Settings) -> None:
    """Compact what has passed its trigger until SIGTERM or SIGINT."""
    _check_server(settings)
    async with doing(settings) as parts:
        worker = Worker(
            settings.nats_url,
            parts.compact,
            at_once=settings.compaction_at_once,
            patience=Patience(settings.compaction_attempts, settings.compaction_retry_seconds),
            replicas=settings.stream_replicas,
        )
        with metrics_port(settings, [WorkerFigures(worker), parts.figures]):
            await worker.run(stop_on_signals())


def _check_server(settings: Settings) -> None:
    """What every process asks before it starts. Raises what check_server does, and SettingsError."""
    check_server(settings.database_url)
    if settings.environment == "production":
        check_login(settings.database_url)


def cursors_of(settings: Settings) -> Cursors:
    return Cursors(shared_secret(settings, "cursors"))


def shared_secret(settings: Settings, name: str) -> bytes:
    """A secret that all processes on one database share; made by the first that asks."""
    with connect(settings.database_url, name="secrets") as connection:
        connection.execute(
            "INSERT INTO secrets (name, value) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [name, secrets.token_bytes(32)],
        )
        row = connection.execute("SELECT value FROM secrets WHERE name = %s", [name]).fetchone()
    assert row is not None  # noqa: S101 - it was just put there
    return bytes(row[0])
