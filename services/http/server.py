"""Runs an ASGI app under uvicorn until SIGTERM or SIGINT, then lets open requests end."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Generator

import uvicorn
from typing_extensions import override

from services.http.edge import App

GRACE_SECONDS = 5
"""How long open requests may take to end."""


class PortTaken(Exception):  # noqa: N818 - names the finding
    """The address cannot be listened on; the message says which setting to change."""


class _Server(uvicorn.Server):
    """Leaves signals to `serve`: uvicorn's own handling ends the process before connections are closed."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2_048)
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"cannot listen on {host}, port {port} ({error.strerror});"
            " choose another with VERBATIM_PORT or VERBATIM_HOST"
        ) from error
    listener.setblocking(False)
    return listener


async def serve(app: App, listener: socket.socket) -> None:
    """Until a signal; afterwards nothing of the app runs any more."""
    server = _Server(
        uvicorn.Config(
            app,  # pyright: ignore[reportArgumentType] - an ASGI app by another spelling of the types
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await server.serve(sockets=[listener])
