"""What is served without a key: health, version, the OpenAPI document and its page."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from services.http.endpoint import Answer
from services.http.response import ready


class Page(msgspec.Struct, frozen=True):
    """`handle` gets the path's parameters."""

    path: str
    handle: Callable[[dict[str, Any]], Awaitable[Answer]]
    summary: str = ""
    """For the OpenAPI document; without one the page is not in it."""
    media_type: str = "application/json"
    statuses: tuple[int, ...] = (200,)


def page_handlers(pages: Iterable[Page]) -> list[HTTPRouteHandler]:
    return [_handler(page) for page in pages]


def _handler(page: Page) -> HTTPRouteHandler:
    async def handle(request: Request[Any, Any, Any]) -> ASGIResponse:
        return await ready(await page.handle(request.path_params))

    return HTTPRouteHandler(page.path, http_method="GET")(handle)
