"""The short way through a process: requests that are done in the turn of the event loop that reads them, but for the wait for the log.

It takes what an endpoint can begin at once, in the common form: on a connection that stays, whole when its head is read, with a
key that is believed. All else goes through the edge, and so does again from the beginning what turned out not to be of that kind.
What is checked and what is answered is the same, by the same functions: only tasks, coroutines and messages between layers are left
out, which were more than half of an append's time (measured).
"""

import asyncio
from typing import Any

from services.http.cycle import Cycle
from services.http.edge import App, Edge, Way, stopping
from services.http.endpoint import Answer, Headers, Write
from services.http.sender import RequestState, whole


class Lane:
    """One a process, beside its edge."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._find = edge.find_at_once

    def way(self, scope: Any) -> Way | None:
        """Where a request of this head might go."""
        return self._find(scope["method"], scope["path"])

    def takes(self, cycle: Cycle, way: Way, tasks: set[Any]) -> bool:
        """Whether the request, all of it here and in work already, is begun. Else it goes through the edge, as it stands."""
        scope: Any = cycle.scope
        state = self._edge.admitted_at_once(scope, bytes(cycle.body))
        if state is None:
            return False
        begin, scope["path_params"] = way
        request = _Request(self._edge, cycle, state, tasks)
        try:
            begun = begin(scope, state, request.answered)
        except Exception:  # noqa: BLE001 - the ordinary way meets it again, and says it
            return False
        if begun:
            tasks.add(request)
        return begun


class _Request:
    """One on its way. To the server it is a task that can be cancelled."""

    __slots__ = ("_cycle", "_edge", "_is_over", "_state", "_tasks")

    def __init__(self, edge: Edge, cycle: Cycle, state: RequestState, tasks: set[Any]) -> None:
        self._edge = edge
        self._cycle = cycle
        self._state = state
        self._tasks = tasks
        self._is_over = False

    def cancel(self, msg: object = None) -> None:
        """The process ends and waits no longer."""
        del msg
        asyncio.get_running_loop().call_soon(self.answered, stopping())

    def answered(self, outcome: Answer | Exception | None) -> Write | None:
        if self._is_over:
            return None
        self._is_over = True
        self._tasks.discard(self)
        state = self._state
        if not isinstance(outcome, Answer) or not isinstance(outcome.body, bytes):
            state.failure = outcome if isinstance(outcome, Exception) else None
            self._run(self._edge)
            return None
        state.status = outcome.status
        headers, body = whole(
            [(b"content-type", outcome.media_type), *outcome.headers], outcome.body, state
        )
        write = self._cycle.answer(outcome.status, headers, body)
        if write is None:
            self._run(_ready(outcome.status, headers, body))
        self._edge.end(state, self._cycle.scope["path"])
        return write

    def _run(self, app: Any) -> None:
        """In a task, as the server does."""
        task = asyncio.get_running_loop().create_task(self._cycle.run_asgi(app))
        task.add_done_callback(self._tasks.discard)
        self._tasks.add(task)


def _ready(status: int, headers: Headers, body: bytes) -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
