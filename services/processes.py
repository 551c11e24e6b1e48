"""Wires the processes that serve: one function each, everything by parameters."""

import secrets
import signal
import threading
from types import FrameType
from typing import Literal, Protocol

from eventstore.connect import check_server, connect
from eventstore.reader import Connections
from projections.registry import core
from projections.runner import Runner
from services.command.wiring import CommandService
from services.http.app import build_app
from services.http.cursors import Cursors
from services.http.docs import document_pages
from services.http.endpoint import Endpoint
from services.http.health import Check, health_pages
from services.http.keys import KeyRing
from services.http.minting import Minter
from services.http.server import listen, serve
from services.query.wiring import QueryService
from services.settings import Settings
from services.version import VERSION

Room = Literal["command", "query"]


class Service(Protocol):
    endpoints: list[Endpoint]

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


async def run_http(settings: Settings, rooms: tuple[Room, ...]) -> None:
    """Serve commands, queries or both on one port, from the same tables of endpoints, until a signal.

    Raises PortTaken, eventstore.errors.EventStoreError, psycopg.OperationalError.
    """
    check_server(settings.database_url)
    listener = listen(settings.host, settings.port)
    minter = Minter()
    services: list[CommandService | QueryService] = []
    checks: dict[str, Check] = {}
    if "command" in rooms:
        services.append(CommandService(settings, minter))
    if "query" in rooms:
        services.append(QueryService(settings, Cursors(shared_secret(settings, "cursors"))))
    for service in services:
        checks[type(service).__name__.removesuffix("Service").lower()] = service.check
    key_connections = Connections(settings.database_url, name="keys", size=1)
    await key_connections.start()
    endpoints = [endpoint for service in services for endpoint in service.endpoints]
    app = build_app(
        endpoints,
        [*health_pages(checks, VERSION), *document_pages(endpoints, VERSION)],
        keys=KeyRing(key_connections),
        minter=minter,
        max_body=settings.max_body_bytes,
    )
    for service in services:
        await service.start()
    try:
        await serve(app, listener)
    finally:
        for service in services:
            await service.stop()
        await key_connections.stop()


def run_projections(settings: Settings) -> None:
    """Keep the read models up to date until SIGTERM or SIGINT."""
    check_server(settings.database_url)
    stop = threading.Event()

    def asked(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked)
    Runner(settings.database_url, core(), page=settings.page_size, stop=stop).run()


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
