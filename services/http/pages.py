"""What is served without a key: health, version, the OpenAPI document and its page."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from services.http.endpoint import Answer


class Page(msgspec.Struct, frozen=True):
    """`handle` gets the path's parameters."""

    path: str
    handle: Callable[[dict[str, Any]], Awaitable[Answer]]


def page_handlers(pages: Iterable[Page]) -> list[HTTPRouteHandler]:
    return [_handler(page) for page in pages]


def _handler(page: Page) -> HTTPRouteHandler:
    async def handle(request: Request[Any, Any, Any]) -> ASGIResponse:
        answer = await page.handle(request.path_params)
        headers = [(b"content-type", answer.media_type), *answer.headers]
        return ASGIResponse(body=answer.body, status_code=answer.status, encoded_headers=headers)

    return HTTPRouteHandler(page.path, http_method="GET")(handle)
