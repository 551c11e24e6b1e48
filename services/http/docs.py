"""The documents: of the API and of the events, and a page to read and try the API, all from this machine."""

import asyncio
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from domain import asyncapi
from services.http.endpoint import Answer, Endpoint
from services.http.errors import ApiError
from services.http.openapi import document
from services.http.pages import Page

_ASSETS = {
    "swagger-ui.css": b"text/css",
    "swagger-ui-bundle.js": b"text/javascript",
}
_PAGE = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Verbatim API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({url: "/schema/openapi.json", dom_id: "#docs", deepLinking: true,
                 persistAuthorization: true, validatorUrl: null});
</script>
</body>
</html>
"""
_POLICY = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
    b" img-src 'self' data:"
)


def document_pages(
    endpoints: Callable[[], list[Endpoint]], others: Iterable[Page], version: str
) -> list[Page]:
    """`endpoints` gives the whole API's, asked once and only when somebody reads; `others` are described beside them."""
    described = list(others)
    made: list[bytes] = []
    making = asyncio.Lock()

    async def serve_schema(path: dict[str, Any]) -> Answer:
        del path
        async with making:
            if not made:
                made.append(
                    await asyncio.to_thread(lambda: document(endpoints(), described, version))
                )
        return Answer(made[0])

    async def serve_events(path: dict[str, Any]) -> Answer:
        del path
        return Answer(msgspec.json.encode(asyncapi.document()))

    async def serve_page(path: dict[str, Any]) -> Answer:
        del path
        headers = [(b"content-security-policy", _POLICY)]
        return Answer(_PAGE, 200, headers, b"text/html; charset=utf-8")

    async def serve_asset(path: dict[str, Any]) -> Answer:
        name = str(path["name"])
        media_type = _ASSETS.get(name)
        if media_type is None:
            raise ApiError(404, "there is nothing at this path; check it", "unknown_path")
        headers = [(b"cache-control", b"max-age=86400")]
        return Answer(_asset(name), 200, headers, media_type)

    return [
        Page("/schema/openapi.json", serve_schema),
        Page("/schema/asyncapi.json", serve_events),
        Page("/docs", serve_page),
        Page("/docs/assets/{name:str}", serve_asset),
    ]


def _asset(name: str) -> bytes:
    spec = find_spec("drf_spectacular_sidecar")
    if spec is None or spec.origin is None:
        raise ApiError(
            503,
            "the documentation's scripts are not installed; run `make dev` once more",
            "no_assets",
        )
    folder = Path(spec.origin).parent / "static" / "drf_spectacular_sidecar" / "swagger-ui-dist"
    return (folder / name).read_bytes()
