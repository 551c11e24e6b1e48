"""Connections that end: what uvicorn leaves open for ever, or lets grow, has a bound here; and overload is refused here.

uvicorn waits for the rest of a request, and for a client that takes no answer, without a deadline, and keeps as many
headers as come. A timer for each request would cost more than all of it: one task looks at all connections at times.
"""

import asyncio
import secrets
from collections.abc import Iterable
from typing import Any

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from services.http.cycle import Cycle
from services.http.door import DRAIN_BYTES, IN_WORK, WHOLE, Door
from services.http.errors import ApiError, render

PATIENCE_SECONDS = 75.0
"""How long a whole request may take to arrive, a connection may stand idle, and an answer may wait to be taken."""
LOOK_SECONDS = 5.0
"""Between two looks at the connections."""
OVER_SECONDS = 5.0
"""How long a connection past the bound of their number may owe us a request."""
HEAD_BYTES = 64 << 10
"""What the request line and the headers may take, give or take what the system hands over at a time."""


class _TurnedAway:
    """In the place of a cycle whose request is answered already: what still comes of it is passed by."""

    response_complete = True
    more_body = False
    message_event = asyncio.Event()


_TURNED_AWAY: Any = _TurnedAway()


class Connection(HttpToolsProtocol):
    """uvicorn's, with a clock that runs while the client owes us something, and a door."""

    def __init__(self, *arguments: Any, door: Door | None = None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._door = door
        self._is_over = False
        """Whether there were too many connections when it came."""
        self._closes = False
        """Whether it ends with the request that is being turned away."""
        self._drained = 0
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
        if self._door is not None and len(self.connections) > self._door.most_connections:
            self._is_over = True
            if len(self.connections) > 2 * self._door.most_connections:
                transport.abort()

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
        door = self._door
        if door is not None and (self._is_over or door.load.is_full()) and self._turns_away(door):
            return
        super().on_headers_complete()

    @override
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.__class__ = Cycle
        scope: Any = cycle.scope
        if self._is_over:
            cycle.keep_alive = False
        if self._door is not None and not self._door.is_open(scope["path"]):
            scope[IN_WORK] = self._door.load.takes()
        self._begin(cycle, app)

    def _begin(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, app)

    @override
    def on_body(self, body: bytes) -> None:
        if self.cycle is not _TURNED_AWAY:
            super().on_body(body)
            return
        self._drained += len(body)
        if self._drained > DRAIN_BYTES:
            self.transport.close()

    @override
    def on_message_complete(self) -> None:
        self._in_head = True
        self._arriving = False
        if self.cycle.response_complete:
            self._owing = self.loop.time()
            if self._closes:
                self.transport.close()
        else:
            self._owing = None
            scope: Any = self.cycle.scope
            scope[WHOLE] = True
        super().on_message_complete()

    @override
    def on_response_complete(self) -> None:
        ours = self.pipeline and not self._arriving
        self._owing = None if ours else self.loop.time()
        if self.pipeline:
            super().on_response_complete()
            return
        # As uvicorn does, but without a timer of its own: who looks after all connections ends the idle ones, too.
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()

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
        patience = OVER_SECONDS if self._is_over else PATIENCE_SECONDS
        if began and self.loop.time() - min(began) > patience:
            self.transport.abort()

    def _turns_away(self, door: Door) -> bool:
        """Whether the request whose head is here is answered with that. What is not of the common kind goes on to the edge."""
        parser: Any = self.parser
        method = parser.get_method()
        if (
            (self.cycle is not None and not self.cycle.response_complete)  # pyright: ignore[reportUnnecessaryComparison] - at first it is
            or self.flow.write_paused
            or method == b"OPTIONS"
            or parser.should_upgrade()
            or door.is_open_raw(self.url)
            or (door.cors and any(name == b"origin" for name, _ in self.headers))
        ):
            return False
        self.cycle = _TURNED_AWAY
        self._drained = 0
        if self.transport.is_closing():
            return True
        waits = self.expect_100_continue
        self._closes = (
            self._is_over
            or waits  # whether its body comes nobody knows
            or parser.get_http_version() == "1.0"
            or not parser.should_keep_alive()
        )
        self.transport.write(
            door.refusal(
                self.headers,
                self.server_state.default_headers,
                whole=method != b"HEAD",
                close=self._closes,
            )
        )
        if waits:
            self.transport.close()
        return True

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
