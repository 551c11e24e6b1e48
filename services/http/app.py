"""One ASGI app from tables of endpoints: the command service's, the query service's, or both."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from domain.codec import CodecError
from domain.refusals import Refusal
from eventstore.errors import EventStoreError
from services.http.calls import caller
from services.http.cors import Cors
from services.http.door import MOST_CONNECTIONS, Door
from services.http.edge import STATE, App, Begin, Edge, charge
from services.http.endpoint import Answer, Answered, AtOnce, Call, Endpoint, plain_path
from services.http.errors import ApiError, from_event_store, from_refusal, render, unreadable
from services.http.figures import Figures
from services.http.guessing import Guesses
from services.http.keys import KeyRing
from services.http.limits import Limiter
from services.http.methods import options_handlers, unrouted
from services.http.minting import Minter
from services.http.overload import Load
from services.http.pages import Page, page_handlers
from services.http.response import Ready, ready
from services.http.routing import Routes
from services.http.sender import RequestState

log = logging.getLogger(__name__)


def build_app(
    endpoints: Iterable[Endpoint],
    pages: Iterable[Page],
    *,
    keys: KeyRing,
    minter: Minter,
    limiter: Limiter,
    figures: Figures,
    max_body: int,
    guesses: Guesses | None = None,
    cors_origins: Sequence[str] = (),
    load: Load | None = None,
    most_connections: int = MOST_CONNECTIONS,
) -> Edge:
    """`pages` need no key: health, the documents. Browsers at `cors_origins` may call; none by default."""
    open_pages = list(pages)
    table = list(endpoints)
    load = load or Load()
    figures.watch(load)
    handlers: Any = {Exception: unrouted}
    routes: Routes[App] = Routes()
    at_once: Routes[Begin] = Routes()
    apps = [_app(endpoint, limiter, load) for endpoint in table]
    for endpoint, app in zip(table, apps, strict=True):
        routes.add(endpoint.method, endpoint.path, app)
        if endpoint.at_once is not None:
            at_once.add(endpoint.method, endpoint.path, _beginning(endpoint, endpoint.at_once))
    litestar = Litestar(
        route_handlers=[
            *options_handlers(table),  # first: else Litestar has made its own
            *(_handler(endpoint, app) for endpoint, app in zip(table, apps, strict=True)),
            *page_handlers(open_pages),
        ],
        openapi_config=None,
        exception_handlers=handlers,
        logging_config=None,
    )
    open_paths = tuple(page.path.partition("{")[0] for page in open_pages)
    return Edge(
        litestar,  # pyright: ignore[reportArgumentType] - Litestar narrows the ASGI types
        routes.find,
        at_once.find,
        keys=keys,
        minter=minter,
        limiter=limiter,
        figures=figures,
        guesses=guesses or Guesses(0),
        door=Door(load, open_paths, cors=bool(cors_origins), most_connections=most_connections),
        max_body=max_body,
        cors=Cors(cors_origins) if cors_origins else None,
    )


def _app(endpoint: Endpoint, limiter: Limiter, load: Load) -> App:
    """The endpoint as an ASGI app behind the edge."""
    call = caller(endpoint)
    route = plain_path(endpoint.path)

    async def respond(scope: Any, state: RequestState) -> ASGIResponse:
        state.route = route
        try:
            if endpoint.cost > 1:
                charge(limiter, state, endpoint.cost, paid=1)  # by the edge
            answer = await _handled(endpoint, call(scope, state), state, load)
            return await ready(answer, silent=state.method == "HEAD")
        except ApiError as error:
            return _error(error, state)
        except Refusal as refusal:
            return _error(from_refusal(refusal), state)
        except EventStoreError as error:
            return _error(from_event_store(error), state)
        except CodecError as error:
            log.error("request %s: %s", state.request_id, error)  # noqa: TRY400 - the message says it
            return _error(unreadable(), state)

    async def answering(scope: Any, receive: Any, send: Any) -> None:
        await (await respond(scope, scope[STATE]))(scope, receive, send)

    return answering


def _beginning(endpoint: Endpoint, at_once: AtOnce) -> Begin:
    """The endpoint's short way, behind the edge. Endpoints that have one cost 1, as the edge charges."""
    call = caller(endpoint)
    route = plain_path(endpoint.path)

    def begin(scope: Any, state: RequestState, answered: Answered) -> bool:
        state.route = route
        return at_once(call(scope, state), answered)

    return begin


def _handler(endpoint: Endpoint, answering: App) -> HTTPRouteHandler:
    """For paths that Litestar must look at. Where it runs a handler's middleware the endpoint answers at once.

    Its making of requests, arguments and responses is passed by: a seventh of an append.
    """

    def instead(app: Any) -> Any:
        del app
        return answering

    method: Any = endpoint.method
    return HTTPRouteHandler(endpoint.path, http_method=method, middleware=[instead])(_never)


async def _handled(
    endpoint: Endpoint, call: Call[Any, Any], state: RequestState, load: Load
) -> Answer:
    """A wait for a model, or for a client that reads a stream, is no work of ours."""
    if endpoint.asks_model:
        _leave(load, state)
    answer = await endpoint.handle(call)
    if not isinstance(answer.body, bytes):
        _leave(load, state)
    return answer


def _leave(load: Load, state: RequestState) -> None:
    if state.in_work:
        state.in_work = False
        load.left()


async def _never() -> None:
    """What Litestar would call."""


def _error(error: ApiError, state: RequestState) -> Ready:
    body, headers = render(error, state.request_id)
    return Ready(body, error.status, headers)
