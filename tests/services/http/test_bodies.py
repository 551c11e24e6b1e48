"""What is sent in a body, either way: its size, its type, its packing."""

import gzip
import json
import socket

import httpx
import pytest

from tests.services.support import Api, refused, serving


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
