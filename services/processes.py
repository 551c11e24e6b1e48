"""Wires the processes that serve HTTP, everything by parameters."""

import logging
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Literal

from eventstore.connect import connect
from eventstore.reader import Connections
from services.command.wiring import CommandService
from services.ending import stop_on_signals
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
from services.http.server import allow_connections, serve, settle_memory
from services.http.tokenizers import Tokenizers
from services.listening import listen
from services.production import check_database
from services.query.wiring import QueryService
from services.settings import Settings
from services.version import VERSION

if TYPE_CHECKING:
    from services.gateway.wiring import GatewayService

    Part = CommandService | QueryService | GatewayService

log = logging.getLogger(__name__)

Room = Literal["command", "query", "gateway"]
ROOMS: tuple[Room, ...] = ("command", "query", "gateway")


async def run_http(settings: Settings, rooms: tuple[Room, ...]) -> None:
    """Serve commands, queries, the gateway or all of them on one port, from the same tables of endpoints, until a signal.

    Raises PortTaken, eventstore.errors.EventStoreError, psycopg.OperationalError.
    """
    check_database(settings)
    listener = listen(settings.host, settings.port)
    allow_connections(settings.max_connections)
    async with http_app(settings, rooms) as app:
        settle_memory()
        host, port = listener.getsockname()[:2]
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        log.info("%s listens on http://%s", ", ".join(rooms), address)
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
) -> "dict[str, Part]":
    """What these rooms are made of, in the order of their start. Nothing is opened yet."""
    command = query = None
    parts: dict[str, Part] = {}
    tokenizers = Tokenizers(settings.tokenizer)
    if "command" in rooms or "gateway" in rooms:
        parts["command"] = command = CommandService(settings, minter, figures, tokenizers)
    if "query" in rooms or "gateway" in rooms:
        parts["query"] = query = QueryService(
            settings, cursors(settings), minter, figures, tokenizers
        )
    if "gateway" in rooms and command is not None and query is not None:
        # Only here: its HTTP client is a seventh of the start of the others.
        from services.gateway.wiring import GatewayService  # noqa: PLC0415

        parts["gateway"] = GatewayService(settings, minter, command, query)
    return parts


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
