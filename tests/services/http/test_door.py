"""What is refused at the door: before a task is made for it, in the envelope, on a connection that stays of use."""

import asyncio
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from services.http import connection
from services.http.connection import Connection
from services.http.door import Door
from services.http.overload import Load
from tests.services.http.test_cycle import Wire

PIECE = b"x" * 50
OPEN = ("/health",)


@dataclass
class Served:
    """A server without a socket: what came to its app, and each connection's wire."""

    door: Door
    state: ServerState = field(default_factory=ServerState)
    asked: list[tuple[str, str]] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.state.default_headers = [(b"date", b"today")]
        self._config = uvicorn.Config(
            self.app, interface="asgi3", proxy_headers=False, log_config=None, access_log=False
        )
        self.hold.set()

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append((scope["method"], scope["path"]))
        while (await receive()).get("more_body", False):
            pass
        await self.hold.wait()
        if scope.get(connection.IN_WORK):
            self.door.load.left()
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    def connect(self) -> tuple[Connection, "Wire"]:
        made, wire = Connection(self._config, self.state, {}, door=self.door), Cut()
        made.connection_made(wire)
        return made, wire

    async def rest(self) -> None:
        while self.state.tasks:
            await asyncio.wait(self.state.tasks)
            await asyncio.sleep(0)


class Cut(Wire):
    aborted = False

    def abort(self) -> None:
        self.aborted = self.closed = True


@pytest.fixture
async def served() -> Served:
    return Served(Door(Load(), OPEN))


def request(*lines: str, line: str = "POST /v1/a HTTP/1.1", body: bytes = b"") -> bytes:
    length = (f"Content-Length: {len(body)}",) if body else ()
    return "\r\n".join((line, "Host: x", *lines, *length)).encode() + b"\r\n\r\n" + body


def answers(wire: Wire) -> list[tuple[int, dict[bytes, bytes], bytes]]:
    found: list[tuple[int, dict[bytes, bytes], bytes]] = []
    data = b"".join(wire.written)
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        line, *lines = head.split(b"\r\n")
        headers = {
            name.lower(): value for name, _, value in (one.partition(b": ") for one in lines)
        }
        length = int(headers[b"content-length"])
        found.append((int(line.split()[1]), headers, data[:length]))
        data = data[length:]
    return found


def statuses(wire: Wire) -> list[int]:
    return [status for status, _, _ in answers(wire)]


def is_refusal(answer: tuple[int, dict[bytes, bytes], bytes]) -> bytes:
    """Gives the request's id."""
    status, headers, body = answer
    error = json.loads(body)["error"]
    assert status == 503
    assert headers[b"retry-after"] == b"1"
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"date"] == b"today"
    assert (error["code"], error["type"]) == ("overloaded", "unavailable")
    assert error["retry_after_seconds"] == 1
    assert error["request_id"].encode() == headers[b"x-request-id"]
    return headers[b"x-request-id"]


async def test_nothing_is_made_for_a_refused_one(served: Served) -> None:
    served.door.load.limit = 0
    made, wire = served.connect()
    made.data_received(request(body=PIECE))
    made.data_received(request(body=PIECE))
    assert not served.state.tasks
    assert served.asked == []
    first, second = (is_refusal(one) for one in answers(wire))
    assert first != second
    assert served.door.load.refused == 2
    assert served.door.load.in_work == 0


async def test_its_own_request_id(served: Served) -> None:
    served.door.load.limit = 0
    made, wire = served.connect()
    made.data_received(request("X-Request-ID: mine-1"))
    made.data_received(request("X-Request-ID: not sane"))
    first, second = (is_refusal(one) for one in answers(wire))
    assert first == b"mine-1"
    assert second.startswith(b"req_")


@pytest.mark.parametrize(
    "asked",
    [
        request(line="GET /health/ready HTTP/1.1"),
        request(line="OPTIONS /v1/a HTTP/1.1"),
        request(line="GET http://x/health HTTP/1.1"),
        request("Connection: upgrade", "Upgrade: other", line="GET /v1/a HTTP/1.1"),
    ],
)
async def test_what_the_edge_is_asked_all_the_same(served: Served, asked: bytes) -> None:
    served.door.load.limit = 0
    made, wire = served.connect()
    made.data_received(asked)
    await served.rest()
    assert statuses(wire) == [200]
    assert served.door.load.in_work == 0


@pytest.mark.parametrize(("cors", "found"), [(True, 200), (False, 503)])
async def test_a_browser_needs_its_headers(cors: bool, found: int) -> None:
    served = Served(Door(Load(), OPEN, cors=cors))
    served.door.load.limit = 0
    made, wire = served.connect()
    made.data_received(request("Origin: https://a.example"))
    await served.rest()
    assert statuses(wire) == [found]


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


async def test_in_work_from_the_door_on(served: Served) -> None:
    """All that are read in one turn of the loop count: none of them has begun to run."""
    served.door.load.limit = 3
    wires: list[Wire] = []
    for _ in range(5):
        made, wire = served.connect()
        made.data_received(request(body=PIECE))
        wires.append(wire)
    assert served.door.load.in_work == 3
    assert [statuses(wire) for wire in wires[3:]] == [[503], [503]]
    await served.rest()
    assert [statuses(wire) for wire in wires[:3]] == [[200]] * 3
    assert served.door.load.in_work == 0


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
    served = Served(Door(Load(), OPEN, most_connections=0))
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
