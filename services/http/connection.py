"""Connections that end: what uvicorn leaves open for ever, or lets grow, has a bound here.

uvicorn waits for the rest of a request, and for a client that takes no answer, without a deadline, and keeps as many
headers as come. A timer for each request would cost more than all of it: one task looks at all connections at times.
"""

import asyncio
import secrets
import time
from collections.abc import Iterable
from typing import Any

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from services.http.cycle import Cycle
from services.http.errors import ApiError, render

PATIENCE_SECONDS = 75.0
"""How long a whole request may take to arrive, a connection may stand idle, and an answer may wait to be taken."""
LOOK_SECONDS = 5.0
"""Between two looks at the connections."""
ARRIVED = "verbatim.arrived"
"""The key in the ASGI scope under which the time stands at which a request could have begun."""
HEAD_BYTES = 64 << 10
"""What the request line and the headers may take, give or take what the system hands over at a time."""


class Connection(HttpToolsProtocol):
    """uvicorn's, with a clock that runs while the client owes us something."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._owing: float | None = None
        """Since when the client owes us a request, or the rest of one. None: it is our turn."""
        self._stuck: float | None = None
        """Since when it takes no more of an answer."""
        self._arriving = False
        self._in_head = True
        self._head = 0
        """Bytes of a head that is not complete."""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - as uvicorn has it
        super().connection_made(transport)
        self._owing = self.loop.time()

    @override
    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > HEAD_BYTES:
            self._refuse(431, "the request line and headers are too large", "headers_too_large")

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._arriving = True
        if self._owing is not None:
            self._owing = self.loop.time()

    @override
    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head = 0
        super().on_headers_complete()

    @override
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.__class__ = Cycle
        cycle.scope[ARRIVED] = time.perf_counter()  # pyright: ignore[reportGeneralTypeIssues] - a key of our own
        super()._start_asgi_task(cycle, app)

    @override
    def on_message_complete(self) -> None:
        self._in_head = True
        self._arriving = False
        self._owing = self.loop.time() if self.cycle.response_complete else None
        super().on_message_complete()

    @override
    def on_response_complete(self) -> None:
        ours = self.pipeline and not self._arriving
        self._owing = None if ours else self.loop.time()
        super().on_response_complete()

    @override
    def pause_writing(self) -> None:
        self._stuck = self.loop.time()
        super().pause_writing()

    @override
    def resume_writing(self) -> None:
        self._stuck = None
        super().resume_writing()

    @override
    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "this is not valid HTTP/1.1; check the client", "invalid_http")

    def end_if_hanging(self) -> None:
        """Cut, whatever was on its way."""
        began = [at for at in (self._owing, self._stuck) if at is not None]
        if began and self.loop.time() - min(began) > PATIENCE_SECONDS:
            self.transport.abort()

    def _refuse(self, status: int, message: str, code: str) -> None:
        """No more can be read from here. A request that came whole before is still answered, and no other."""
        if self.transport.is_closing():
            return
        if self.cycle is not None and _is_answering(self.cycle):  # pyright: ignore[reportUnnecessaryComparison] - at first it is
            self.cycle.keep_alive = False
            return
        request_id = f"req_{secrets.token_hex(16)}"
        body, headers = render(ApiError(status, message, code), request_id)
        headers += [
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", request_id.encode()),
            (b"connection", b"close"),
        ]
        head = b"".join(b"%s: %s\r\n" % pair for pair in headers)
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + body)
        self.transport.close()


def _is_answering(cycle: RequestResponseCycle) -> bool:
    return not cycle.response_complete and not cycle.more_body


async def keep_ending(connections: Iterable[object]) -> None:
    """Look after all connections until cancelled. `connections` changes meanwhile."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for connection in list(connections):
            if isinstance(connection, Connection):
                connection.end_if_hanging()
