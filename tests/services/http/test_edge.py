"""What every answer has, and what never reaches a route."""

import gzip
import json
import socket
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


def test_bodies_that_are_too_large(api: Api) -> None:
    """The client can read the answer though it was still sending."""
    head = api.head()
    body = json.dumps({"title": "x" * (2 << 20)}).encode()
    headers = {"Content-Type": "application/json"}
    refused(api("POST", "/conversations", content=body, headers=headers), 413, "request_too_large")

    def pieces(total: int) -> "list[bytes]":
        return [b"x" * 65_536] * (total // 65_536)

    chunked = api("POST", "/conversations", content=iter(pieces(3 << 20)), headers=headers)
    refused(chunked, 413, "request_too_large")
    assert api.get("/conversations").status_code == 200
    assert api.head() == head


def test_a_large_body_is_refused_before_it_is_sent(api: Api) -> None:
    host, _, port = api.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            b"POST /v1/conversations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %s\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n"
            % api.key.encode()
        )
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_a_larger_limit_than_what_is_drained(api: Api) -> None:
    """What is allowed is read whole, however long."""
    texts = ["x" * 1_000_000] * 9
    with (
        serving(api.database.service, max_body_bytes=12 << 20) as address,
        api.at(address) as roomy,
    ):
        roomy.start("roomy")
        batch = {"messages": [{"role": "user", "content": text} for text in texts]}
        answer = roomy.post("/conversations/roomy/messages/batch", batch)
        assert answer.status_code == 201
        assert [m["content"] for m in answer.json()["data"]] == texts
        batch["messages"] *= 2
        refused(roomy.post("/conversations/roomy/messages/batch", batch), 413, "request_too_large")


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "image/*", "nonsense"])
def test_answers_that_are_not_accepted(api: Api, accept: str) -> None:
    """Nothing is done first."""
    head = api.head()
    headers = {"Accept": accept}
    for answer in (
        api.post("/conversations", {"id": "unacceptable"}, headers=headers),
        api.get("/conversations", headers=headers),
    ):
        error = refused(answer, 406, "not_acceptable", "Accept")
        assert error["type"] == "invalid_request_error"
    assert api.head() == head
    assert api.get("/conversations", headers={"Accept": "text/html, */*;q=0.1"}).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "json",
    ],
)
def test_content_types(api: Api, content_type: str) -> None:
    answer = api("POST", "/conversations", content=b"{}", headers={"Content-Type": content_type})
    refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", "application/merge-patch+json"],
)
def test_content_types_that_are_taken(api: Api, content_type: str) -> None:
    answer = api("POST", "/conversations", content=b"{}", headers={"Content-Type": content_type})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("encoding", "taken"), [("gzip", False), ("br", False), ("Identity", True)]
)
def test_compressed_bodies_are_refused(api: Api, encoding: str, taken: bool) -> None:
    body = b"{}" if taken else gzip.compress(b"{}")
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    answer = api("POST", "/conversations", content=body, headers=headers)
    if taken:
        assert answer.status_code == 201
    else:
        refused(answer, 415, "unsupported_content_encoding", "Content-Encoding")


def test_large_answers_are_compressed_for_those_who_ask(api: Api) -> None:
    api.start("packed", "word " * 1_000)
    path = f"{api.address}/v1/conversations/packed"
    plain = httpx.get(path, headers={"Authorization": f"Bearer {api.key}", "Accept-Encoding": ""})
    assert "content-encoding" not in plain.headers
    for asked, packed in (
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("br", False),
        ("identity", False),
    ):
        answer = api.get("/conversations/packed", headers={"Accept-Encoding": asked})
        assert (answer.headers.get("content-encoding") == "gzip") is packed, asked
        assert answer.json() == plain.json()
    with httpx.stream(
        "GET", path, headers={"Authorization": f"Bearer {api.key}", "Accept-Encoding": "gzip"}
    ) as raw:
        sent = b"".join(raw.iter_raw())
        assert int(raw.headers["content-length"]) == len(sent) < len(plain.content)
        assert raw.headers["vary"] == "accept-encoding"
        assert gzip.decompress(sent) == plain.content
    small = api.get("/conversations/nobody", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in small.headers


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
