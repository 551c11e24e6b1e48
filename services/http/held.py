"""Connections that hold a small request until it is whole, where it may go by the lane (`lane.py`)."""

from typing import Any

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from services.http.connection import Connection
from services.http.door import IN_WORK, WHOLE, Door
from services.http.edge import Way
from services.http.lane import Lane

HELD_BYTES = 64 << 10
"""How large a body may be that is held; uvicorn reads on for nobody past that."""


class HeldConnection(Connection):
    """Whatever does not come to be whole, or is not for the lane, begins as on any connection."""

    def __init__(self, *arguments: Any, door: Door, lane: Lane, **named: Any) -> None:
        super().__init__(*arguments, door=door, **named)
        self._load = door.load
        self._lane = lane
        self._reads_head = False
        """Whether what begins now is the request whose head was just read; one that had to wait begins later."""
        self._held: tuple[Any, Any, Way] | None = None

    @override
    def on_headers_complete(self) -> None:
        self._reads_head = True
        super().on_headers_complete()
        self._reads_head = False

    @override
    def _begin(self, cycle: RequestResponseCycle, app: Any) -> None:
        scope: Any = cycle.scope
        if self._reads_head and scope.get(IN_WORK, False) and not self.expect_100_continue:
            way = self._lane.way(scope)
            if way is not None and _is_small(self.headers):
                self._held = (cycle, app, way)
                return
        super()._begin(cycle, app)

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._held is not None:
            scope = self._held[0].scope
            if scope[IN_WORK]:  # the rest of it is on its way: the client has work to do, not we
                scope[IN_WORK] = False
                self._load.put_back()

    @override
    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._held is not None:
            self._release()

    @override
    def shutdown(self) -> None:
        if self._held is not None:
            self._release()
        super().shutdown()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._held is not None:
            self._release()
        super().connection_lost(exc)

    def _release(self) -> None:
        """Into the lane, where it is whole and can be begun; else as any other."""
        if self._held is None:
            return
        (cycle, app, way), self._held = self._held, None
        scope = cycle.scope
        if scope.get(WHOLE, False):
            scope[IN_WORK] = scope[IN_WORK] or self._load.takes()
            if scope[IN_WORK] and self._lane.takes(cycle, way, self.tasks):
                return
        super()._begin(cycle, app)


def _is_small(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether the body has a length that can be waited for without anybody reading it."""
    for name, value in headers:
        if name == b"content-length":
            return value.isdigit() and int(value) <= HELD_BYTES
    return False
