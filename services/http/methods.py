"""Which methods a path knows: OPTIONS, and what is said to those that it does not know."""

from typing import Any, NoReturn

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from services.http.endpoint import Endpoint
from services.http.errors import ApiError
from services.http.response import Ready

AnyRequest = Request[Any, Any, Any]


def options_handlers(endpoints: list[Endpoint]) -> list[HTTPRouteHandler]:
    """Litestar's own OPTIONS answer knows one handler of a path, not all."""
    methods: dict[str, set[str]] = {}
    for endpoint in endpoints:
        methods.setdefault(endpoint.path, {"OPTIONS"}).add(endpoint.method)
    return [_allowing(path, known) for path, known in methods.items()]


def _allow(methods: set[str]) -> tuple[bytes, bytes]:
    """Whoever knows GET knows HEAD: the edge makes it."""
    known = {*methods, "HEAD"} if "GET" in methods else methods
    return (b"allow", ", ".join(sorted(known)).encode())


def _allowing(path: str, methods: set[str]) -> HTTPRouteHandler:
    answer = Ready(b"", 204, [_allow(methods)])

    async def handle() -> Ready:
        return answer

    return HTTPRouteHandler(path, http_method="OPTIONS", status_code=200)(handle)


def unrouted(request: AnyRequest, error: Exception) -> NoReturn:
    """What Litestar itself finds, such as an unknown path, goes on to the edge like any other error."""
    del request
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 405:
        refused = ApiError(405, "this path does not know this method", "method_not_allowed")
        allowed = set((error.headers or {}).get("allow", "").split(", "))
        refused.headers.append(_allow(allowed))
    else:
        refused = ApiError(404, "there is nothing at this path; check it", "unknown_path")
    raise refused from None
