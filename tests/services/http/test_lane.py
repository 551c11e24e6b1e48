"""The short way of an append answers what the ordinary one does, and leaves to it what it does not take."""

import gzip
import json
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.hostile.client import Wire
from tests.services.http.lanes import Watched, ask, begun, request, said, watched, wire, wire_to
from tests.services.support import Api

__all__ = ["watched", "wire"]

MADE = {"id", "created_at"}
"""What two messages of the same content differ in, beside their sequence."""


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
