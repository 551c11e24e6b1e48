"""One ASGI app from tables of endpoints: the command service's, the query service's, or both."""

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from litestar import Litestar, Request
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from domain.refusals import Refusal
from eventstore.errors import EventStoreError
from services.http.decode import body_decoder, query_decoder
from services.http.edge import STATE, App, Edge, RequestState
from services.http.endpoint import Call, Endpoint, NoQuery
from services.http.errors import ApiError, from_event_store, from_refusal, render
from services.http.keys import KeyRing
from services.http.minting import Minter
from services.http.pages import Page, page_handlers

AnyRequest = Request[Any, Any, Any]
JSON_TYPES = (b"application/json", b"application/merge-patch+json")


def build_app(
    endpoints: Iterable[Endpoint],
    pages: Iterable[Page],
    *,
    keys: KeyRing,
    minter: Minter,
    max_body: int,
) -> App:
    """`pages` need no key: health, the documents."""
    open_pages = list(pages)
    handlers: Any = {Exception: _unrouted}
    routes = Litestar(
        route_handlers=[*map(_handler, endpoints), *page_handlers(open_pages)],
        openapi_config=None,
        exception_handlers=handlers,
        logging_config=None,
    )
    open_paths = tuple(page.path.partition("{")[0] for page in open_pages)
    return Edge(
        routes,  # pyright: ignore[reportArgumentType] - Litestar narrows the ASGI types
        keys,
        minter,
        is_open=lambda path: path.startswith(open_paths),
        max_body=max_body,
    )


def _handler(endpoint: Endpoint) -> HTTPRouteHandler:
    call = _caller(endpoint)

    async def handle(request: AnyRequest) -> ASGIResponse:
        state = _state_of(request)
        try:
            answer = await endpoint.handle(call(request, state))
        except ApiError as error:
            return _error(error, state)
        except Refusal as refusal:
            return _error(from_refusal(refusal), state)
        except EventStoreError as error:
            return _error(from_event_store(error), state)
        return ASGIResponse(
            body=answer.body,
            status_code=answer.status,
            encoded_headers=[(b"content-type", answer.media_type), *answer.headers],
        )

    method: Any = endpoint.method
    return HTTPRouteHandler(endpoint.path, http_method=method, status_code=endpoint.status)(handle)


def _caller(endpoint: Endpoint) -> Callable[[AnyRequest, RequestState], Call[Any, Any]]:
    """From a request to the endpoint's Call. It raises ApiError."""
    decode_query = query_decoder(endpoint.query)
    decode_body = body_decoder(endpoint.body) if endpoint.body is not None else None
    no_query = NoQuery() if endpoint.query is NoQuery else None

    def call(request: AnyRequest, state: RequestState) -> Call[Any, Any]:
        scope = request.scope
        principal = state.principal
        if principal is None:
            raise ApiError(401, "send your API key as `Authorization: Bearer <key>`", "missing_key")
        if endpoint.scope not in principal.scopes:
            raise ApiError(
                403,
                f"this key lacks the scope `{endpoint.scope}`; use a key that has it",
                "missing_scope",
            )
        raw_query: bytes = scope["query_string"]
        query = no_query if no_query is not None and not raw_query else decode_query(raw_query)
        body = None
        if decode_body is not None:
            _check_content_type(state.headers)
            body = decode_body(state.body)
        return Call(
            principal,
            state.request_id,
            scope["path_params"],
            query,
            body,
            state.method,
            scope["path"],
            state.body,
            state.headers,
        )

    return call


def _check_content_type(headers: dict[bytes, bytes]) -> None:
    given = headers.get(b"content-type")
    if given is None:
        return
    media_type, _, parameters = given.lower().partition(b";")
    charset = parameters.partition(b"charset=")[2].strip(b' "')
    if media_type.strip() not in JSON_TYPES or charset not in (b"", b"utf-8", b"utf8"):
        raise ApiError(
            415,
            "send the body as `Content-Type: application/json`, in UTF-8",
            "unsupported_media_type",
        )


def _state_of(request: AnyRequest) -> RequestState:
    scope: Any = request.scope
    return scope[STATE]


def _unrouted(request: AnyRequest, error: Exception) -> NoReturn:
    """What Litestar itself finds, such as an unknown path, goes on to the edge like any other error."""
    del request
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 405:
        refused = ApiError(405, "this path does not know this method", "method_not_allowed")
        allowed = (error.headers or {}).get("allow", "")
        refused.headers.append((b"allow", allowed.encode()))
    else:
        refused = ApiError(404, "there is nothing at this path; check it", "unknown_path")
    raise refused from None


def _error(error: ApiError, state: RequestState) -> ASGIResponse:
    body, headers = render(error, state.request_id)
    return ASGIResponse(body=body, status_code=error.status, encoded_headers=headers)
