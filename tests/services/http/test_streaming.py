"""Answers made while they are sent: whole, broken off, hung up on, stalled, cut by a stop."""

import asyncio
import contextlib
import gzip
import socket
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from eventstore.errors import Unavailable
from eventstore.reader import Connections
from services.http import response, server
from services.http.app import build_app
from services.http.edge import App
from services.http.endpoint import Answer, Call, Endpoint
from services.http.errors import ApiError
from services.http.figures import Figures
from services.http.keys import KeyRing
from services.http.limits import Limiter
from services.http.minting import Minter
from tests.servers import Database
from tests.services.support import new_key, refused, serving_app

PIECES = 40
PIECE = b"%06d," * 10_000 % tuple(range(10_000))


class Streams:
    """Endpoints of several tempers; `ended` is set when a generator was closed."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.begun = threading.Event()
        self.made = 0

    def endpoints(self) -> list[Endpoint]:
        def endpoint(name: str, body: AsyncGenerator[bytes], kind: bytes) -> Endpoint:
            async def handle(call: Call[None, None]) -> Answer:
                return Answer(body(), media_type=kind)

            return Endpoint("GET", f"/v1/{name}", "read", handle, name, bytes)

        return [
            endpoint("whole", self.whole, b"application/json"),
            endpoint("live", self.whole, b"text/event-stream"),
            endpoint("empty", self.empty, b"application/json"),
            endpoint("early", self.early, b"application/json"),
            endpoint("late", self.late, b"application/json"),
            endpoint("broken", self.broken, b"application/json"),
            endpoint("endless", self.endless, b"application/json"),
            endpoint("waiting", self.waiting, b"application/json"),
            Endpoint("GET", "/v1/stuck", "read", self.stuck, "stuck", bytes),
        ]

    async def stuck(self, call: Call[None, None]) -> Answer:
        self.begun.set()
        await asyncio.Event().wait()
        return Answer(b"")

    async def whole(self) -> AsyncGenerator[bytes]:
        for _ in range(PIECES):
            self.made += 1
            yield PIECE

    async def empty(self) -> AsyncGenerator[bytes]:
        for piece in ():
            yield piece

    async def early(self) -> AsyncGenerator[bytes]:
        raise ApiError(404, "there is none", "conversation_not_found")
        yield b""

    async def late(self) -> AsyncGenerator[bytes]:
        yield PIECE
        raise Unavailable("the database cannot be reached")

    async def broken(self) -> AsyncGenerator[bytes]:
        yield PIECE
        raise ZeroDivisionError

    async def endless(self) -> AsyncGenerator[bytes]:
        try:
            while True:
                self.made += 1
                yield PIECE
        finally:
            self.ended.set()

    async def waiting(self) -> AsyncGenerator[bytes]:
        try:
            yield PIECE
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # what it holds is given back by another task
            self.ended.set()


@contextlib.contextmanager
def streaming(dsn: str, streams: Streams) -> Iterator[httpx.Client]:
    @contextlib.asynccontextmanager
    async def app() -> AsyncIterator[App]:
        keys = Connections(dsn, name="keys", size=1)
        await keys.start()
        yield build_app(
            streams.endpoints(),
            [],
            keys=KeyRing(keys),
            minter=Minter(),
            limiter=Limiter(per_key=0, per_workspace=0),
            figures=Figures(),
            max_body=1_000,
        )
        await keys.stop()

    headers = {"Authorization": f"Bearer {new_key(dsn)}", "Accept-Encoding": "identity"}
    with (
        serving_app(app) as address,
        httpx.Client(base_url=f"{address}/v1", headers=headers, timeout=30) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def streams() -> Streams:
    return Streams()


@pytest.fixture(scope="module")
def client(module_database: Database, streams: Streams) -> Iterator[httpx.Client]:
    with streaming(module_database.service, streams) as client:
        yield client


def test_pieces_arrive_in_order(client: httpx.Client) -> None:
    answer = client.get("/whole")
    assert answer.content == PIECE * PIECES
    assert "content-length" not in answer.headers
    assert answer.headers["x-request-id"]
    assert client.get("/empty").content == b""


def test_compressed_as_it_comes(client: httpx.Client) -> None:
    with client.stream("GET", "/whole", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        sent = b"".join(answer.iter_raw())
    assert len(sent) < PIECES * len(PIECE) // 2
    assert gzip.decompress(sent) == PIECE * PIECES
    live = client.get("/live", headers={"Accept-Encoding": "gzip"})  # each event at once
    assert "content-encoding" not in live.headers
    assert live.content == PIECE * PIECES


def test_head_makes_no_body(client: httpx.Client, streams: Streams) -> None:
    before = streams.made
    answer = client.head("/whole")
    assert (answer.status_code, answer.content) == (200, b"")
    assert streams.made <= before + 1


def test_an_error_before_the_first_bytes_is_an_answer(client: httpx.Client) -> None:
    refused(client.get("/early"), 404, "conversation_not_found")


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("path", ["late", "broken"])
def test_a_later_error_breaks_off_without_an_end(
    client: httpx.Client, path: str, encoding: str
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(f"/{path}", headers={"Accept-Encoding": encoding})
    assert client.get("/empty").status_code == 200


def test_a_client_that_hangs_up_ends_it(client: httpx.Client, streams: Streams) -> None:
    for path in ("endless", "waiting"):
        streams.ended.clear()
        with client.stream("GET", f"/{path}") as answer:
            next(answer.iter_raw())
        assert streams.ended.wait(10), path


def test_no_more_is_made_than_is_taken(
    module_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that takes nothing is waited for, with no more than the sockets' buffers full; then it is let go."""
    monkeypatch.setattr(response, "STALL_SECONDS", 0.5)
    streams = Streams()
    with streaming(module_database.service, streams) as client:
        place = urlsplit(str(client.base_url))
        key = client.headers["authorization"]
        request = f"GET /v1/endless HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n\r\n"
        with socket.create_connection((place.hostname, place.port)) as silent:
            silent.sendall(request.encode())
            assert streams.ended.wait(30)
    assert streams.made < 500


def test_a_stop_cuts_streams_and_waits_until_they_are_closed(
    module_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "GRACE_SECONDS", 1)
    streams = Streams()
    seen: list[str] = []
    with contextlib.ExitStack() as outliving:
        with streaming(module_database.service, streams) as client:
            own = outliving.enter_context(
                httpx.Client(base_url=client.base_url, headers=client.headers, timeout=30)
            )
            answer = outliving.enter_context(own.stream("GET", "/waiting"))
            pieces = answer.iter_raw()
            next(pieces)
            reader = threading.Thread(target=lambda: seen.append(_rest(pieces)))
            reader.start()
        reader.join()
    assert streams.ended.is_set()
    assert seen == ["RemoteProtocolError"]


def test_a_stop_tells_who_still_waits(
    module_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not 500: nothing is wrong, and the same request may be sent to another process."""
    monkeypatch.setattr(server, "GRACE_SECONDS", 0.5)
    streams = Streams()
    answers: list[httpx.Response] = []
    with streaming(module_database.service, streams) as client:
        url, headers = f"{client.base_url}stuck", client.headers
        asking = threading.Thread(
            target=lambda: answers.append(httpx.get(url, headers=headers, timeout=30))
        )
        asking.start()
        assert streams.begun.wait(30)
    asking.join()
    error = refused(answers[0], 503, "unavailable")
    assert answers[0].headers["retry-after"] == "1"
    assert error["type"] == "unavailable"


def _rest(pieces: Iterator[bytes]) -> str:
    try:
        for _ in pieces:
            pass
    except httpx.HTTPError as error:
        return type(error).__name__
    return "a false end"
