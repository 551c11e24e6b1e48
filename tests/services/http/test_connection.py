"""What is no HTTP, or not all of it: an answer in the envelope, and no answer in another's place."""

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from services.http.connection import HEAD_BYTES
from tests.hostile.client import Reply, Wire
from tests.services.support import Api


@pytest.fixture
def wire(api: Api) -> Iterator[Wire]:
    parts = urlsplit(api.address)
    with Wire((parts.hostname or "", parts.port or 0)) as made:
        yield made


def head(api: Api, *lines: str, line: str = "GET /v1/conversations HTTP/1.1") -> bytes:
    given = [line, "Host: x", f"Authorization: Bearer {api.key}", *lines]
    return "\r\n".join(given).encode() + b"\r\n\r\n"


def refused(reply: Reply | None, status: int, code: str) -> None:
    assert reply is not None
    assert reply.status == status
    error = json.loads(reply.body)["error"]
    assert error["code"] == code
    assert error["request_id"].encode() == reply.headers[b"x-request-id"]


def test_no_http(wire: Wire) -> None:
    refused(wire.ask(b"\x00\x01\r\n\r\n"), 400, "invalid_http")


def test_a_head_without_bounds(api: Api, wire: Wire) -> None:
    wire.send(head(api)[:-2] + b"X-A: " + b"a" * HEAD_BYTES)
    wire.send(b"a" * 10)
    refused(wire.reply(), 431, "headers_too_large")
    assert wire.reply() is None


def test_a_large_body_is_no_head(api: Api, wire: Wire) -> None:
    body = json.dumps({"title": "x" * 1_000, "metadata": {}}).encode() + b" " * 500_000
    line = "POST /v1/conversations HTTP/1.1"
    whole = head(api, f"Content-Length: {len(body)}", line=line) + body
    for _ in range(2):
        reply = wire.ask(whole)
        assert reply is not None
        assert reply.status == 201


def test_what_comes_after_a_request_does_not_take_its_answer(api: Api, wire: Wire) -> None:
    """The write is done: to say that it was no HTTP would be a lie."""
    body = b'{"id": "with_a_tail"}'
    line = "POST /v1/conversations HTTP/1.1"
    wire.send(head(api, f"Content-Length: {len(body)}", line=line) + body + b"\x00\x01\r\n\r\n")
    reply = wire.reply()
    assert reply is not None
    assert reply.status == 201
    assert wire.reply() is None


def test_an_early_answer_leaves_a_connection_that_can_be_used(api: Api, wire: Wire) -> None:
    first = b"POST /v1/conversations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    refused(wire.ask(first), 401, "missing_key")
    wire.send(b"x" * 100)
    reply = wire.ask(head(api))
    assert reply is not None
    assert reply.status == 200


@pytest.mark.parametrize(
    "name", ["Authorization", "Idempotency-Key", "If-Match", "X-Consistency", "Content-Type"]
)
def test_headers_that_say_two_things(api: Api, wire: Wire, name: str) -> None:
    refused(wire.ask(head(api, f"{name}: a", f"{name}: b")), 400, "repeated_header")


def test_other_headers_may_repeat(api: Api, wire: Wire) -> None:
    reply = wire.ask(head(api, "Accept: */*", "Accept: */*", "X-Other: 1", "X-Other: 2"))
    assert reply is not None
    assert reply.status == 200
