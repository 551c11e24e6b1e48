"""The edge of every HTTP process, in one lean ASGI class around the routes.

Request ids, keys, rate limits, body limit, the error envelope of last resort, one log line a request. It is a
class of our own because the framework's middleware for the same halves the throughput (measured).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from eventstore.errors import EventStoreError
from services.http.access import log_request
from services.http.body import Receive, read_body
from services.http.cors import Cors
from services.http.door import IN_WORK, REQUEST_ID, WHOLE, Door, too_busy
from services.http.endpoint import Answered, Headers
from services.http.errors import ApiError, from_event_store, missing_key
from services.http.figures import Figures
from services.http.guessing import Guesses
from services.http.keys import KeyRing, Principal
from services.http.limits import Limiter
from services.http.minting import Minter
from services.http.sender import RequestState, Send, Sender

ScopeMap = MutableMapping[str, Any]
App = Callable[[ScopeMap, Receive, Send], Awaitable[None]]
Find = Callable[[str, str], tuple[App, dict[str, str]] | None]
"""From a method and a path to an endpoint and the path's parameters."""

Begin = Callable[[Any, RequestState, Answered], bool]
"""From a scope, what the edge knows, and who is told: an endpoint's short way. Whether it was begun."""
Way = tuple[Begin, dict[str, str]]

WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
SINGLE = frozenset({
    b"authorization",
    b"content-type",
    b"idempotency-key",
    b"if-match",
    b"x-consistency",
    b"x-min-position",
})  # fmt: skip
"""Headers that say one thing: who is sent two cannot know which the next proxy goes by."""
STATE = "verbatim"
"""The key in the ASGI scope under which a RequestState travels."""


class Edge:
    """`app` takes what `find` does not; the paths that `door` lets in always need no key."""

    def __init__(
        self,
        app: App,
        find: Find,
        find_at_once: Callable[[str, str], Way | None] = lambda _method, _path: None,
        *,
        keys: KeyRing,
        minter: Minter,
        limiter: Limiter,
        figures: Figures,
        guesses: Guesses,
        door: Door,
        max_body: int,
        cors: Cors | None = None,
    ) -> None:
        self._app = app
        self._find = find
        self.find_at_once = find_at_once
        """Where a request of this method and path might be begun at once; `lane.py` does."""
        self._keys = keys
        self._minter = minter
        self._limiter = limiter
        self._answered = figures.answered
        self._guesses = guesses
        self.door = door
        self._max_body = max_body
        self._cors = cors
        self._load = door.load

    async def __call__(self, scope: ScopeMap, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.get(STATE) or self._state(scope)
        method = state.method
        if self._cors is not None and b"origin" in state.headers:
            state.extra = self._cors.simple(state.headers[b"origin"])
        answer = Sender(send, state, silent=method == "HEAD")
        try:
            if (preflight := self._preflight(state)) is not None:
                await answer.empty(preflight)
            else:
                await self._serve(scope, receive, answer, state)
        except ApiError as error:
            await answer.error(error)
        except EventStoreError as error:
            await answer.error(from_event_store(error))
        except Exception:
            logging.getLogger(__name__).exception("request %s failed", state.request_id)
            await answer.error(_internal())
        except asyncio.CancelledError:
            # The process ends and waits no longer. Not raised again: the server would answer 500.
            await answer.error(stopping())
        self.end(state, scope["path"])

    def end(self, state: RequestState, path: str) -> None:
        """It is answered."""
        if state.in_work:
            self._load.left()
        seconds = time.perf_counter() - state.began
        self._answered(state.method, state.route, state.status, seconds)
        log_request(state, path, seconds)

    def admitted_at_once(self, scope: ScopeMap, body: bytes) -> RequestState | None:
        """A whole request that an endpoint may take now, paid for; None where it must be looked at more closely."""
        state = self._state(scope)
        headers = state.headers
        if (
            len(headers) != len(scope["headers"])
            or len(body) > self._max_body
            or (self._cors is not None and b"origin" in headers)
        ):
            return None
        principal = self._keys.believed(_key_in(headers))
        if principal is None:
            return None
        allowance, refusal = self._limiter.charge(principal, 1)
        if refusal is not None:
            return None
        state.principal, state.allowance, state.body = principal, allowance, body
        return state

    def _state(self, scope: ScopeMap) -> RequestState:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        sane = REQUEST_ID.fullmatch(given) is not None
        request_id = given.decode() if sane else f"req_{self._minter.hex_id()}"
        state = RequestState(request_id, scope["method"], headers)
        state.in_work = scope.get(IN_WORK, False)
        scope[STATE] = state
        return state

    def _preflight(self, state: RequestState) -> Headers | None:
        asks = state.method == "OPTIONS" and b"origin" in state.headers
        return self._cors.preflight(state.headers) if asks and self._cors is not None else None

    async def _serve(
        self, scope: ScopeMap, receive: Receive, answer: Sender, state: RequestState
    ) -> None:
        if state.failure is not None:
            raise state.failure
        if len(state.headers) != len(scope["headers"]):
            _refuse_repeated(scope["headers"])
        if state.method == "HEAD":
            scope = {**scope, "method": "GET"}  # a copy: the server goes by its own
        is_open = self.door.is_open(scope["path"]) or state.method == "OPTIONS"
        if not is_open:
            self._begin(state)
            state.principal = await self._authenticate(scope, state.headers)
            if state.allowance is None:  # else it was paid for where it was to be done at once
                charge(self._limiter, state, 1)
        if state.method in WITH_BODY:
            if state.in_work and not scope.get(WHOLE, False):  # the client has work to do, not we
                self._load.put_back()
                state.in_work = False
            state.body = await read_body(state.headers, receive, self._max_body)
            if not is_open:
                self._begin(state)
        found = self._find(scope["method"], scope["path"])
        if found is None:
            await self._app(scope, receive, answer)
        else:
            app, scope["path_params"] = found
            await app(scope, receive, answer)

    def _begin(self, state: RequestState) -> None:
        """Count it in the load, unless it is. Raises ApiError (503)."""
        if not state.in_work:
            if not self._load.takes():
                self._load.refuse()
                raise too_busy()
            state.in_work = True

    async def _authenticate(self, scope: ScopeMap, headers: dict[bytes, bytes]) -> Principal:
        key = _key_in(headers)
        if not key:
            raise missing_key()
        if not self._keys.was_good(key):
            self._guesses.check(scope, headers, key)
        principal = await self._keys.principal(key)
        if principal is None:
            self._guesses.refused(scope, headers, key)
            raise ApiError(
                401,
                "this API key is malformed, unknown, revoked or expired; use another",
                "invalid_key",
            )
        return principal


def charge(limiter: Limiter, state: RequestState, cost: int, paid: int = 0) -> None:
    """What is not `paid` yet. Raises ApiError (429); the answer tells what is left either way."""
    if state.principal is not None:
        state.allowance, refusal = limiter.charge(state.principal, cost, paid)
        if refusal is not None:
            raise refusal


def _key_in(headers: dict[bytes, bytes]) -> str:
    """The API key of a request; empty where it has none."""
    scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
    return given.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""


def stopping() -> ApiError:
    return ApiError(
        503,
        "the process is stopping and does not know the outcome; send the request again",
        "unavailable",
        retry_after=1,
    )


def _refuse_repeated(headers: list[tuple[bytes, bytes]]) -> None:
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in seen and name in SINGLE:
            shown = name.decode().title()
            raise ApiError(400, f"send {shown} once", "repeated_header", shown)
        seen.add(name)


def _internal() -> ApiError:
    return ApiError(
        500, "something went wrong on our side; tell us the request id", "internal_error"
    )
