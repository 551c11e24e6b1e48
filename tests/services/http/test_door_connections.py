"""What becomes of a connection on which a request was refused, and of one too many."""

import asyncio
import functools
from collections.abc import Callable

import pytest

from services.http import connection
from services.http.door import Door
from services.http.overload import Load
from tests.services.http.doors import (
    OPEN,
    PIECE,
    Served,
    answers,
    is_refusal,
    request,
    served,
    statuses,
)

__all__ = ["served"]


async def test_the_connection_is_of_use_afterwards(served: Served) -> None:
    served.door.load.limit = 0
    made, wire = served.connect()
    made.data_received(request(body=PIECE))
    served.door.load.limit = 1
    made.data_received(request(body=PIECE))
    await served.rest()
    assert statuses(wire) == [503, 200]
    assert not wire.closed
    assert served.door.load.in_work == 0


async def test_a_body_that_comes_later_is_passed_by(served: Served) -> None:
    served.door.load.limit = 0
    made, wire = served.connect()
    whole = request(body=PIECE)
    made.data_received(whole[:-40])
    assert statuses(wire) == [503]
    served.door.load.limit = 1
    made.data_received(whole[-40:-20])
    made.data_received(whole[-20:] + request(body=PIECE))
    await served.rest()
    assert statuses(wire) == [503, 200]


async def test_a_chunked_body_is_passed_by(served: Served) -> None:
    served.door.load.limit = 0
    made, wire = served.connect()
    made.data_received(request("Transfer-Encoding: chunked") + b"3\r\nabc\r\n")
    served.door.load.limit = 1
    made.data_received(b"0\r\n\r\n" + request())
    await served.rest()
    assert statuses(wire) == [503, 200]


async def test_a_body_without_end_is_not_read_for_ever(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "DRAIN_BYTES", 100)
    served.door.load.limit = 0
    made, wire = served.connect()
    made.data_received(request("Content-Length: 1000"))
    made.data_received(b"x" * 90)
    assert not wire.closed
    made.data_received(b"x" * 90)
    assert wire.closed


async def test_pipelined_ones_are_answered_in_their_order(served: Served) -> None:
    served.hold.clear()
    served.door.load.limit = 1
    made, wire = served.connect()
    made.data_received(
        request(line="GET /v1/first HTTP/1.1") + request(line="GET /v1/second HTTP/1.1")
    )
    await asyncio.sleep(0)
    assert statuses(wire) == []
    served.hold.set()
    await served.rest()
    assert statuses(wire) == [200, 200]
    assert served.asked == [("GET", "/v1/first"), ("GET", "/v1/second")]
    served.door.load.limit = 0
    made.data_received(request() * 3)
    assert statuses(wire)[2:] == [503] * 3


async def test_head_has_no_body(served: Served) -> None:
    served.door.load.limit = 0
    made, wire = served.connect()
    made.data_received(request(line="HEAD /v1/a HTTP/1.1"))
    assert b"".join(wire.written).endswith(b"\r\n\r\n")
    assert b"503" in wire.written[0]


@pytest.mark.parametrize(
    "asked",
    [
        request("Connection: close", body=PIECE),
        request(line="POST /v1/a HTTP/1.0", body=PIECE),
    ],
)
async def test_one_that_ends_its_connection(served: Served, asked: bytes) -> None:
    served.door.load.limit = 0
    made, wire = served.connect()
    made.data_received(asked[:-10])
    assert not wire.closed
    made.data_received(asked[-10:])
    assert wire.closed
    [answer] = answers(wire)
    is_refusal(answer)
    assert answer[1][b"connection"] == b"close"


async def test_a_body_that_waits_for_leave_does_not_get_it(served: Served) -> None:
    """Nobody knows whether it will come: the next request could not be told from it."""
    served.door.load.limit = 0
    made, wire = served.connect()
    made.data_received(request("Expect: 100-continue", "Content-Length: 5"))
    [answer] = answers(wire)
    is_refusal(answer)
    assert answer[1][b"connection"] == b"close"
    assert wire.closed


async def test_a_client_that_takes_no_answers_gets_no_more(served: Served) -> None:
    served.door.load.limit = 0
    made, wire = served.connect()
    made.pause_writing()
    made.data_received(request() * 2)
    assert wire.written == []
    made.resume_writing()
    await served.rest()
    assert len(statuses(wire)) == 2


async def test_too_many_connections() -> None:
    served = Served(Door(Load(), OPEN, most_connections=1))
    made, wire = served.connect()
    over, its = served.connect()
    made.data_received(request())
    over.data_received(request())
    assert its.closed
    [answer] = answers(its)
    is_refusal(answer)
    assert answer[1][b"connection"] == b"close"
    await served.rest()
    assert statuses(wire) == [200]
    assert not wire.closed


async def test_health_is_answered_on_a_connection_too_many() -> None:
    served = Served(Door(Load(), OPEN, most_connections=1))
    served.connect()
    made, wire = served.connect()
    made.data_received(request(line="GET /health/live HTTP/1.1"))
    await served.rest()
    assert statuses(wire) == [200]
    assert wire.closed


async def test_the_number_of_connections_is_bounded() -> None:
    served = Served(Door(Load(), OPEN, most_connections=1))
    found: list[Callable[[], bool]] = []
    for _ in range(3):
        _, wire = served.connect()
        found.append(functools.partial(getattr, wire, "aborted"))
    assert [one() for one in found] == [False, False, True]
