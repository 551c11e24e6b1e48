"""The short way of an append answers what the ordinary one does, and leaves to it what it does not take."""

import gzip
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.http import keys, limits
from services.http.cycle import Cycle
from services.http.edge import Way
from services.http.lane import Lane
from tests.hostile.client import Reply, Wire
from tests.running import wait_until
from tests.servers import Database
from tests.services.support import Api, new_key, serving

MADE = {"id", "created_at"}
"""What two messages of the same content differ in, beside their sequence."""


class Watched:
    """What the lane was asked for, and whether it took it."""

    def __init__(self) -> None:
        self.taken: list[bool] = []


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    watched = Watched()
    takes = Lane.takes
    for name in ("FRESH_SECONDS", "TRUSTED_SECONDS"):  # a slow machine forgets no key
        monkeypatch.setattr(keys, name, 3_600)

    def watch(lane: Lane, cycle: Cycle, way: Way, tasks: set[Any]) -> bool:
        taken = takes(lane, cycle, way, tasks)
        watched.taken.append(taken)
        return taken

    monkeypatch.setattr(Lane, "takes", watch)
    return watched


@pytest.fixture
def wire(api: Api) -> Iterator[Wire]:
    with wire_to(api) as made:
        yield made


def wire_to(api: Api) -> Wire:
    parts = urlsplit(api.address)
    return Wire((parts.hostname or "", parts.port or 0))


def request(
    api: Api, name: str, body: bytes | dict[str, Any], *lines: str, key: str | None = None
) -> tuple[bytes, bytes]:
    """Head and body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [
        f"POST /v1/conversations/{name}/messages HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {key or api.key}",
        f"Content-Length: {len(raw)}",
        *lines,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n", raw


def ask(api: Api, wire: Wire, name: str, body: bytes | dict[str, Any], *lines: str) -> Reply:
    reply = wire.ask(b"".join(request(api, name, body, *lines)))
    assert reply is not None
    return reply


def begun(api: Api, name: str, watched: Watched) -> None:
    """A conversation that the process knows, a key that it believes."""
    api.start(name)
    api.get(f"/conversations/{name}").raise_for_status()
    watched.taken.clear()


def said(reply: Reply) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reply.text)
    return found


def test_both_ways_answer_the_same(api: Api, wire: Wire, watched: Watched) -> None:
    begun(api, "lane_same", watched)
    message = {"role": "assistant", "content": "Grüße 🙂 " * 40, "metadata": {"a": "b"}}
    _, body = request(api, "lane_same", message)
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    head = request(api, "lane_same", b"")[0]
    head = head.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    ordinary = wire.ask(head + chunked)
    assert watched.taken == []
    quick = ask(api, wire, "lane_same", message)
    assert watched.taken == [True]
    assert ordinary is not None
    assert quick.status == ordinary.status == 201
    assert list(quick.headers) == list(ordinary.headers)
    first, second = said(ordinary)["data"], said(quick)["data"]
    assert second.pop("sequence") == first.pop("sequence") + 1
    for name in MADE:
        assert first.pop(name) != second.pop(name)
    assert first == second
    assert quick.headers[b"etag"] == b'"3"'


def test_a_body_in_pieces_is_waited_for(api: Api, wire: Wire, watched: Watched) -> None:
    begun(api, "lane_pieces", watched)
    head, body = request(api, "lane_pieces", {"role": "user", "content": "a"})
    for piece in (head, body[:5], body[5:-1]):
        wire.send(piece)
        assert api.get("/conversations/lane_pieces").json()["data"]["message_count"] == 0
    wire.send(body[-1:])
    reply = wire.reply()
    assert reply is not None
    assert reply.status == 201
    assert watched.taken == [True]


@pytest.mark.parametrize("cut", [0, 5])
def test_a_body_that_never_comes_leaves_nothing(
    api: Api, wire: Wire, watched: Watched, cut: int
) -> None:
    begun(api, "lane_broken" + str(cut), watched)
    head, body = request(api, f"lane_broken{cut}", {"role": "user", "content": "a"})
    wire.send(head + body[:cut])
    wire.close()
    wait_until(lambda: "\nverbatim_requests_in_work 0.0" in metrics(api))
    assert watched.taken == []
    assert api.get(f"/conversations/lane_broken{cut}").json()["data"]["message_count"] == 0


def metrics(api: Api) -> str:
    return api.client.get(f"{api.address}/metrics").text


def test_a_key_is_done_once(api: Api, wire: Wire, watched: Watched) -> None:
    begun(api, "lane_key", watched)
    message = {"role": "user", "content": "once"}
    first, second = (
        ask(api, wire, "lane_key", message, "Idempotency-Key: lane-1") for _ in range(2)
    )
    assert first.body == second.body
    assert (first.status, second.status) == (201, 201)
    assert second.headers[b"idempotent-replayed"] == b"true"
    assert watched.taken[0]
    other = ask(api, wire, "lane_key", {"role": "user", "content": "2"}, "Idempotency-Key: lane-1")
    assert (other.status, said(other)["error"]["code"]) == (422, "idempotency_key_reused")
    assert api.get("/conversations/lane_key").json()["data"]["message_count"] == 1


def test_many_at_once_with_one_key(api: Api, watched: Watched) -> None:
    begun(api, "lane_crowd", watched)
    whole = b"".join(
        request(api, "lane_crowd", {"role": "user", "content": "a"}, "Idempotency-Key: lane-2")
    )
    start = threading.Barrier(8)

    def one(_: int) -> bytes:
        with wire_to(api) as wire:
            start.wait(30)
            reply = wire.ask(whole)
            assert reply is not None
            assert reply.status == 201
            return reply.body

    with ThreadPoolExecutor(8) as pool:
        bodies = set(pool.map(one, range(8)))
    assert len(bodies) == 1
    assert api.get("/conversations/lane_crowd").json()["data"]["message_count"] == 1


def test_many_at_once_to_one_conversation(api: Api, watched: Watched) -> None:
    begun(api, "lane_row", watched)
    whole = b"".join(request(api, "lane_row", {"role": "user", "content": "a"}))

    def some(_: int) -> list[int]:
        with wire_to(api) as wire:
            replies = [wire.ask(whole) for _ in range(10)]
        return [said(reply)["data"]["sequence"] for reply in replies if reply is not None]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(some, range(8)))
    assert all(sequences == sorted(sequences) for sequences in found)
    assert sorted(number for part in found for number in part) == list(range(1, 81))


def test_pipelined(api: Api, wire: Wire, watched: Watched) -> None:
    begun(api, "lane_pipe", watched)
    wire.send(
        b"".join(
            b"".join(request(api, "lane_pipe", {"role": "user", "content": str(number)}))
            for number in range(5)
        )
    )
    for number in range(5):
        reply = wire.reply()
        assert reply is not None
        assert said(reply)["data"]["content"] == str(number)
    assert watched.taken[0]


def test_a_connection_that_closes(api: Api, wire: Wire, watched: Watched) -> None:
    begun(api, "lane_close", watched)
    reply = ask(api, wire, "lane_close", {"role": "user", "content": "a"}, "Connection: close")
    assert reply.status == 201
    assert reply.headers[b"connection"] == b"close"
    assert said(reply)["data"]["sequence"] == 1


def test_no_http_behind_a_request_does_not_take_its_answer(
    api: Api, wire: Wire, watched: Watched
) -> None:
    begun(api, "lane_tail", watched)
    wire.send(
        b"".join(request(api, "lane_tail", {"role": "user", "content": "a"})) + b"\x00\r\n\r\n"
    )
    reply = wire.reply()
    assert reply is not None
    assert reply.status == 201
    assert reply.headers[b"connection"] == b"close"
    assert wire.reply() is None


def test_gzip(api: Api, wire: Wire, watched: Watched) -> None:
    begun(api, "lane_zip", watched)
    text = "lorem ipsum " * 200
    reply = ask(api, wire, "lane_zip", {"role": "user", "content": text}, "Accept-Encoding: gzip")
    assert watched.taken == [True]
    assert reply.headers[b"content-encoding"] == b"gzip"
    assert reply.headers[b"vary"] == b"accept-encoding"
    assert json.loads(gzip.decompress(reply.body))["data"]["content"] == text


@pytest.mark.parametrize(
    ("body", "lines", "status"),
    [
        (b"", [], 400),
        (b"{", [], 400),
        (b'{"role": "user"}', [], 400),
        (b'{"role": "user", "content": "\xff"}', [], 400),
        (b'{"role": "user", "content": "a"}', ["Content-Type: text/plain"], 415),
        (b'{"role": "user", "content": "a"}', ["Accept: text/html"], 406),
        (b'{"role": "user", "content": "a"}', ['If-Match: "77"'], 412),
        (b'{"role": "user", "content": "a"}', ["If-Match: x"], 400),
        (b'{"role": "user", "content": "a"}', ["Idempotency-Key: "], 400),
        (b'{"role": "user", "content": "a"}', ["If-Match: 1", "If-Match: 2"], 400),
        (b'{"role": "user", "content": "a", "id": "there"}', [], 409),
        (b'{"role": "tool", "content": "a", "tool_call_id": "x"}', [], 400),
    ],
)
def test_refusals(
    api: Api, wire: Wire, watched: Watched, body: bytes, lines: list[str], status: int
) -> None:
    name = "lane_refused"
    if api.get(f"/conversations/{name}").status_code == 404:
        api.start(name)
        first = {"role": "user", "content": "b", "id": "there"}
        assert ask(api, wire, name, first).status == 201
    reply = ask(api, wire, name, body, *lines)
    assert reply.status == status, reply.text
    assert reply.headers[b"x-request-id"].decode() == said(reply)["error"]["request_id"]
    assert api.get(f"/conversations/{name}").json()["data"]["message_count"] == 1
    assert "\nverbatim_requests_in_work 0.0" in metrics(api)


def test_unknown_deleted_and_foreign_conversations(api: Api, wire: Wire, watched: Watched) -> None:
    message = {"role": "user", "content": "a"}
    assert ask(api, wire, "lane_nowhere", message).status == 404
    begun(api, "lane_deleted", watched)
    api.delete("/conversations/lane_deleted").raise_for_status()
    reply = ask(api, wire, "lane_deleted", message)
    assert (reply.status, said(reply)["error"]["code"]) == (409, "conversation_deleted")
    stranger = new_key(api.database.service, "lane_other")
    whole = b"".join(request(api, "lane_deleted", message, key=stranger))
    for _ in range(2):  # unknown at first, then believed
        found = wire.ask(whole)
        assert found is not None
        assert found.status == 404


def test_scope_and_limit_are_the_edge_s(
    module_database: Database, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: 0.0, time=time.time))
    dsn = module_database.service
    key, reader = new_key(dsn), new_key(dsn, scopes=("read",))
    with serving(dsn, rate_limit_key=5, rate_limit_workspace=0) as address:
        api = Api(address, module_database, key)
        with wire_to(api) as wire:
            message = {"role": "user", "content": "a"}
            api.start("lane_limit")  # 4 left
            replies = [ask(api, wire, "lane_limit", message) for _ in range(5)]
            left = [int(reply.headers[b"x-ratelimit-remaining"]) for reply in replies]
            assert [reply.status for reply in replies] == [201, 201, 201, 201, 429]
            assert left == [3, 2, 1, 0, 0]
            assert watched.taken == [True, True, True, True, False]
            for _ in range(2):
                refused = wire.ask(b"".join(request(api, "lane_limit", message, key=reader)))
                assert refused is not None
                assert refused.status == 403
        api.close()
