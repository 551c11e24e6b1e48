"""The short way to an endpoint finds what Litestar's router finds, or leaves it to it."""

import pytest
from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from services.http.routing import Routes

PATHS = ["/v1/a", "/v1/a/{x:str}", "/v1/a/search", "/v1/a/{y:str}/b", "/v1/a/{x:str}/b/{y:str}"]
ASKED = [
    *("/v1/a", "/v1/a/", "/v1//a", "/v1/a/1", "/v1/a/search", "/v1/a/search/b", "/v1/a/1/b", "/"),
    *(
        "/v1/a/1/b/2",
        "/v1/a//b",
        "/v1/a/1/b/",
        "/v1/a/1/b/2/c",
        "/v1/b",
        "/v1",
        "/v1/a/{x}",
        "/v1/a/ ",
    ),
]


def litestars(path: str, method: str) -> tuple[str, dict[str, str]] | None:
    async def handle() -> None: ...

    app = Litestar(
        [HTTPRouteHandler(p, http_method=m)(handle) for p in PATHS for m in ("GET", "POST")],
        openapi_config=None,
    )
    try:
        _, _, _, values, template = app.asgi_router.handle_routing(path, method)
    except HTTPException:
        return None
    return template, values


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize("path", ASKED)
def test_it_agrees_with_litestar(path: str, method: str):
    routes: Routes[str] = Routes()
    for known in PATHS:
        for each in ("GET", "POST"):
            routes.add(each, known, known.replace(":str", ""))
    found = routes.find(method, path)
    if found is not None:
        assert found == litestars(path, method)
    elif litestars(path, method) is not None:
        assert "//" in path or path.endswith("/") or "search/" in path


def test_a_path_that_takes_slashes_is_left_to_litestar():
    routes: Routes[str] = Routes()
    routes.add("GET", "/v1/a/{x:path}", "a")
    assert routes.find("GET", "/v1/a/1") is None


def test_the_parameters_are_named():
    routes: Routes[str] = Routes()
    routes.add("GET", "/v1/a/{x:str}/b/{y:str}", "a")
    assert routes.find("GET", "/v1/a/1/b/2") == ("a", {"x": "1", "y": "2"})
