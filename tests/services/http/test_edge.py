"""What every answer has, and what never reaches a route."""

import time
from contextlib import closing
from types import SimpleNamespace

import httpx
import pytest

from projections.registry import NAMES
from tests.services.support import Api, new_key, refused, serving


def test_request_ids(api: Api) -> None:
    own = api.get("/conversations", headers={"X-Request-ID": "trace:1.a-b_c"})
    assert own.headers["x-request-id"] == "trace:1.a-b_c"
    for odd in ("", "a b", "x" * 129, "<script>"):
        minted = api.get("/conversations", headers={"X-Request-ID": odd})
        assert minted.headers["x-request-id"].startswith("req_")
    api.post("/conversations", {"id": "traced"}, headers={"X-Request-ID": "my-request"})
    (event,) = api.get("/conversations/traced/events").json()["data"]
    assert event["correlationid"] == "my-request"


def test_unknown_paths_and_methods(api: Api) -> None:
    refused(api.get("/nothing"), 404, "unknown_path")
    refused(api.get("/conversations/a/b/c/d"), 404, "unknown_path")
    wrong = api("PUT", "/conversations", json={})
    refused(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET, HEAD, OPTIONS, POST"


def test_head_and_options(api: Api) -> None:
    api.start("headed", "text")
    whole = api.get("/conversations/headed", headers={"Accept-Encoding": "identity"})
    head = api("HEAD", "/conversations/headed", headers={"Accept-Encoding": "identity"})
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["etag"] == whole.headers["etag"]
    assert head.headers["content-length"] == whole.headers["content-length"]
    assert api("HEAD", "/conversations/nobody").status_code == 404
    options = httpx.options(f"{api.address}/v1/conversations")
    assert options.status_code == 204
    assert options.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert options.headers["x-request-id"]
    wrong = api("HEAD", "/conversations/bulk")
    assert (wrong.status_code, wrong.content) == (405, b"")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "missing_key"),
        ("", "missing_key"),
        ("Basic abc", "missing_key"),
        ("Bearer", "missing_key"),
        ("Bearer nonsense", "invalid_key"),
        ("Bearer vb_00000000_00000000000000000000000000000000000000", "invalid_key"),
        ("Bearer " + "x" * 5_000, "invalid_key"),
    ],
)
def test_without_a_valid_key(api: Api, header: str | None, code: str) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = httpx.get(f"{api.address}/v1/conversations", headers=headers)
    error = refused(answer, 401, code)
    assert error["type"] == "authentication_error"
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_typo_in_a_key_is_malformed(api: Api) -> None:
    for key in (api.key[:-1], api.key + "0", api.key.swapcase(), "é" + api.key[1:]):
        headers = [(b"Authorization", b"Bearer " + key.encode())]
        refused(httpx.get(f"{api.address}/v1/conversations", headers=headers), 401, "invalid_key")


@pytest.mark.parametrize(
    ("scopes", "method", "path"),
    [
        (("read",), "POST", "/conversations"),
        (("read",), "PATCH", "/conversations/a"),
        (("read",), "DELETE", "/conversations/a"),
        (("read",), "POST", "/conversations/bulk"),
        (("write",), "GET", "/conversations"),
        (("export",), "GET", "/conversations/a/events"),
    ],
)
def test_scopes(api: Api, scopes: tuple[str, ...], method: str, path: str) -> None:
    with api.as_workspace("acme", scopes=scopes) as limited:
        error = refused(limited(method, path, json={}), 403, "missing_scope")
    assert error["type"] == "authorization_error"


def test_open_pages_need_no_key(api: Api) -> None:
    for path in ("/health/live", "/health/ready", "/version", "/docs", "/schema/openapi.json"):
        assert httpx.get(api.address + path).status_code == 200, path
    ready = httpx.get(f"{api.address}/health/ready").json()
    assert ready["status"] == "ok"
    assert set(ready["checks"]["query"]["read_models"]) == set(NAMES)
    assert httpx.get(f"{api.address}/docs/assets/swagger-ui-bundle.js").status_code == 200
    refused(httpx.get(f"{api.address}/docs/assets/../../secret"), 401)
    refused(httpx.get(f"{api.address}/docs/assets/secret.py"), 404)


def test_pages_of_other_origins(api: Api) -> None:
    origin = {"Origin": "https://shop.example"}
    assert "access-control-allow-origin" not in api.get("/conversations", headers=origin).headers
    dsn = api.database.service
    with (
        serving(dsn, cors_origins="https://shop.example https://other.example") as address,
        api.at(address) as browser,
    ):
        preflight = httpx.options(
            f"{address}/v1/conversations",
            headers=origin
            | {
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
            },
        )
        assert preflight.status_code == 204
        assert preflight.headers["x-request-id"]
        assert "PATCH" in preflight.headers["access-control-allow-methods"]
        assert preflight.headers["access-control-allow-origin"] == "https://shop.example"
        assert "idempotency-key" in preflight.headers["access-control-allow-headers"].lower()
        answer = browser.post("/conversations", {}, headers=origin)
        assert answer.status_code == 201
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        assert "x-event-position" in answer.headers["access-control-expose-headers"].lower()
        error = httpx.get(f"{address}/v1/conversations", headers=origin)
        refused(error, 401)
        assert error.headers["access-control-allow-origin"] == "https://shop.example"
        for evil in ("https://evil.example", "https://shop.example.evil.example", "null", "\u00e9"):
            headers = [(b"Origin", evil.encode()), (b"Access-Control-Request-Method", b"GET")]
            for stranger in (
                browser.get("/conversations", headers=headers),
                httpx.options(f"{address}/v1/conversations", headers=headers),
            ):
                assert "access-control-allow-origin" not in stranger.headers
                assert "origin" in stranger.headers["vary"]  # for the other origins' sake
        plain = httpx.options(f"{address}/v1/conversations", headers=origin)
        assert plain.headers["allow"] == "GET, HEAD, OPTIONS, POST"  # no question beforehand
    with serving(dsn, cors_origins="*") as address:
        for answer in (
            httpx.get(f"{address}/v1/conversations", headers=origin),
            httpx.options(f"{address}/v1/conversations", headers=origin | {"Access-Control-Request-Method": "GET"}),
        ):  # fmt: skip
            assert answer.headers.get_list("access-control-allow-origin") == ["*"]


def test_an_export_with_a_limit_below_its_cost(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be made: by whoever has not asked for anything for a minute."""
    now = [1_000.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], time=time.time)
    monkeypatch.setattr("services.http.limits.time", clock)
    api.start("dear")
    with (
        serving(api.database.service, rate_limit_key=10) as address,
        closing(Api(address, api.database, new_key(api.database.service))) as limited,
    ):
        answer = limited.get("/conversations/dear/export")
        assert answer.status_code == 200
        assert answer.headers["x-ratelimit-remaining"] == "0"
        now[0] += 6
        again = limited.get("/conversations/dear/export")
        refused(again, 429, "rate_limit_exceeded")
        assert again.headers["retry-after"] == "60"
        now[0] += 60
        assert limited.get("/conversations/dear/export").status_code == 200


def test_rate_limits(api: Api) -> None:
    dsn = api.database.service
    with serving(dsn, rate_limit_key=5, rate_limit_workspace=8) as address:
        first = Api(address, api.database, new_key(dsn, "limited"))
        second = Api(address, api.database, new_key(dsn, "limited"))
        free = Api(address, api.database, new_key(dsn, "limited", unlimited=True))
        left = [first.get("/conversations") for _ in range(5)]
        assert [int(a.headers["x-ratelimit-remaining"]) for a in left] == [4, 3, 2, 1, 0]
        assert {a.headers["x-ratelimit-limit"] for a in left} == {"5"}
        full = first.get("/conversations")
        error = refused(full, 429, "rate_limit_exceeded")
        assert error["type"] == "rate_limit_exceeded"
        assert error["retry_after_seconds"] == int(full.headers["retry-after"]) > 0
        assert full.headers["x-ratelimit-remaining"] == "0"
        assert int(full.headers["x-ratelimit-reset"]) > 1_700_000_000
        codes = [second.get("/conversations").status_code for _ in range(4)]
        assert codes == [200, 200, 200, 429]  # the workspace's eight
        assert free.get("/conversations").status_code == 200
        for client in (first, second, free):
            client.close()
