"""Runs an ASGI app under uvicorn until it is asked to stop, then lets open requests end."""

import asyncio
import contextlib
import functools
import gc
import resource
import socket
from collections.abc import Generator

import uvicorn
from typing_extensions import override

from services.http.connection import Connection, keep_ending
from services.http.edge import App, Edge
from services.http.held import HeldConnection
from services.http.lane import Lane

GRACE_SECONDS = 5
"""How long open requests may take to end."""
OTHER_FILES = 200
"""Of a process: its connections to the database, logs, libraries."""
CLOSING_SECONDS = 2
"""How long those that were cut may take to close what they hold."""


class _Server(uvicorn.Server):
    """Leaves signals to `stop_on_signals`: uvicorn's own handling ends the process before connections are closed."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def allow_connections(most: int) -> None:
    """So many open files, and those of the process itself, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * most + OTHER_FILES  # past twice as many they are cut
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most_allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most_allowed), hard))


def settle_memory() -> None:
    """Once all is wired: what is there now stays, and need not be looked through for garbage again and again.

    Requests leave hardly any cycles behind, and a full collection looks at all that the start has made. What this saves was
    never measured apart: runs with and without it were too noisy (`bench/RESULTS.md`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


async def serve(app: App, listener: socket.socket, stop: asyncio.Event) -> None:
    """Until `stop` is set; afterwards nothing of the app runs any more."""
    if isinstance(app, Edge):
        protocol = functools.partial(HeldConnection, door=app.door, lane=Lane(app))
    else:
        protocol = Connection
    server = _Server(
        uvicorn.Config(
            app,  # pyright: ignore[reportArgumentType] - an ASGI app by another spelling of the types
            http=protocol,  # pyright: ignore[reportArgumentType] - called like the class
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # nothing here goes by the client's address or scheme
            timeout_keep_alive=75,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    helpers = [
        asyncio.create_task(_stop_when_asked(server, stop)),
        asyncio.create_task(keep_ending(server.server_state.connections)),
    ]
    await server.serve(sockets=[listener])
    for helper in helpers:
        helper.cancel()
    await asyncio.sleep(0)  # those that were not tasks yet are now
    if tasks := server.server_state.tasks:  # cut after the grace: they still close what they hold
        await asyncio.wait(tasks, timeout=CLOSING_SECONDS)
        await asyncio.sleep(0)  # their sockets are closed in the loop's next turn


async def _stop_when_asked(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True
