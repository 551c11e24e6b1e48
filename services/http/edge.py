"""The edge of every HTTP process, in one lean ASGI class around the routes.

Request ids, keys, body limit, HEAD, the error envelope of last resort, one log line a request. It is a
class of our own because the framework's middleware for the same halves the throughput (measured).
"""

import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from eventstore.errors import EventStoreError
from services.http.errors import ApiError, from_event_store, render
from services.http.keys import KeyRing, Principal
from services.http.minting import Minter

ScopeMap = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[ScopeMap, Receive, Send], Awaitable[None]]

log = logging.getLogger("verbatim.access")

REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
DRAIN_BYTES = 8 << 20
"""How much of a body that is too large is read, so that a client still sending can read the answer."""
WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
STATE = "verbatim"
"""The key in the ASGI scope under which a RequestState travels."""


class RequestState:
    """What the edge knows of a request."""

    __slots__ = ("body", "headers", "method", "principal", "request_id", "status")

    def __init__(self, request_id: str, method: str, headers: dict[bytes, bytes]) -> None:
        self.request_id = request_id
        self.method = method
        self.headers = headers
        self.principal: Principal | None = None
        self.body = b""
        self.status = 500


class Edge:
    """`is_open` tells the paths that need no key."""

    def __init__(
        self,
        app: App,
        keys: KeyRing,
        minter: Minter,
        *,
        is_open: Callable[[str], bool],
        max_body: int,
    ) -> None:
        self._app = app
        self._keys = keys
        self._minter = minter
        self._is_open = is_open
        self._max_body = max_body

    async def __call__(self, scope: ScopeMap, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        sane = REQUEST_ID.fullmatch(given) is not None
        request_id = given.decode() if sane else f"req_{self._minter.hex_id()}"
        method: str = scope["method"]
        state = RequestState(request_id, method, headers)
        scope[STATE] = state
        answer = _Sender(send, state, silent=method == "HEAD")
        try:
            if method == "HEAD":
                scope["method"] = "GET"
            if not self._is_open(scope["path"]) and method != "OPTIONS":
                state.principal = await self._authenticate(headers.get(b"authorization", b""))
            if method in WITH_BODY:
                state.body = await self._read(headers, receive)
            await self._app(scope, receive, answer)
        except ApiError as error:
            await answer.error(error)
        except EventStoreError as error:
            await answer.error(from_event_store(error))
        except Exception:
            logging.getLogger(__name__).exception("request %s failed", request_id)
            await answer.error(_internal())
        _log_request(state, scope["path"], (time.perf_counter() - started) * 1_000)

    async def _authenticate(self, header: bytes) -> Principal:
        scheme, _, key = header.partition(b" ")
        if scheme.lower() != b"bearer" or not key:
            raise ApiError(401, "send your API key as `Authorization: Bearer <key>`", "missing_key")
        try:
            principal = await self._keys.principal(key.strip().decode("ascii"))
        except UnicodeDecodeError:
            principal = None
        if principal is None:
            raise ApiError(
                401,
                "this API key is malformed, unknown, revoked or expired; use another",
                "invalid_key",
            )
        return principal

    async def _read(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        declared = headers.get(b"content-length", b"0")
        too_large = declared.isdigit() and int(declared) > self._max_body
        if too_large and headers.get(b"expect", b"").lower() == b"100-continue":
            raise _too_large(self._max_body)  # nothing was sent yet: no need to drain
        body = bytearray()
        seen = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ApiError(400, "the request broke off; send it again", "incomplete_body")
            chunk: bytes = message.get("body", b"")
            seen += len(chunk)
            too_large = too_large or seen > self._max_body
            if too_large:
                body.clear()
            else:
                body += chunk
            if seen > DRAIN_BYTES or not message.get("more_body", False):
                break
        if too_large:
            raise _too_large(self._max_body)
        return bytes(body)


class _Sender:
    """Passes an answer on, with the request id; keeps the status for the log."""

    __slots__ = ("_send", "_silent", "_started", "_state")

    def __init__(self, send: Send, state: RequestState, *, silent: bool) -> None:
        self._send = send
        self._state = state
        self._silent = silent
        self._started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            self._state.status = message["status"]
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self._state.request_id.encode()),
            ]
        elif self._silent and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)

    async def error(self, error: ApiError) -> None:
        if self._started:
            return  # too late for an envelope: the client sees the answer break off
        body, headers = render(error, self._state.request_id)
        headers.append((b"content-length", b"%d" % len(body)))
        if error.status == 413:
            headers.append((b"connection", b"close"))
        await self({"type": "http.response.start", "status": error.status, "headers": headers})
        await self({"type": "http.response.body", "body": body})


def _too_large(limit: int) -> ApiError:
    return ApiError(
        413, f"the body is larger than {limit} bytes; send it in parts", "request_too_large"
    )


def _internal() -> ApiError:
    return ApiError(
        500, "something went wrong on our side; tell us the request id", "internal_error"
    )


def _log_request(state: RequestState, path: str, milliseconds: float) -> None:
    level = logging.ERROR if state.status >= 500 and state.status != 503 else logging.INFO
    if log.isEnabledFor(level):
        principal = state.principal
        log.log(
            level,
            "%s %s %d",
            state.method,
            ascii(path)[1:-1][:300],
            state.status,
            extra={
                "fields": {
                    "ms": round(milliseconds, 2),
                    "request_id": state.request_id,
                    "key_id": principal.key_id if principal else None,
                    "workspace": principal.workspace if principal else None,
                }
            },
        )
