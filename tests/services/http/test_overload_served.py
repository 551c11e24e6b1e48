"""Overload at a running service: bodies on their way, keys, streams and waits for models are not in the way of others."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from typing_extensions import override

from eventstore.reader import Connections
from services.http.app import build_app
from services.http.edge import App
from services.http.endpoint import Answer, Call, Endpoint
from services.http.figures import Figures
from services.http.health import health_pages
from services.http.keys import KeyRing
from services.http.limits import Limiter
from services.http.metrics import metrics_page
from services.http.minting import Minter
from services.http.overload import Load
from tests.hostile.client import Reply, Wire
from tests.running import wait_until
from tests.servers import Database
from tests.services.support import new_key, serving_app


class Thing(msgspec.Struct):
    name: str = ""


class Bounded(Load):
    """As many as the test says."""

    bound = 1_000

    @override
    def is_full(self) -> bool:
        return self.in_work >= self.bound

    @override
    def takes(self) -> bool:
        self.limit = self.bound
        return super().takes()


class Service:
    def __init__(self) -> None:
        self.load = Bounded()
        self.begun = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.go_on: asyncio.Event | None = None
        self.address = ("", 0)
        self.key = ""

    def endpoints(self) -> list[Endpoint]:
        async def quick(call: Call[None, Thing]) -> Answer:
            return Answer(b"{}")

        async def held(call: Call[None, Thing]) -> Answer:
            self.loop, self.go_on = asyncio.get_running_loop(), asyncio.Event()
            self.begun.set()
            await self.go_on.wait()
            return Answer(b"{}")

        async def streamed(call: Call[None, Thing]) -> Answer:
            async def pieces() -> AsyncIterator[bytes]:
                yield b"a"
                await held(call)

            return Answer(pieces(), media_type=b"text/event-stream")

        def endpoint(name: str, handle: object, **more: object) -> Endpoint:
            return Endpoint("POST", f"/v1/{name}", "write", handle, name, bytes, body=Thing, **more)  # type: ignore[arg-type]

        return [
            endpoint("quick", quick),
            endpoint("held", held),
            endpoint("model", held, asks_model=True),
            endpoint("streamed", streamed),
        ]

    def let_go(self) -> None:
        assert self.loop is not None
        assert self.go_on is not None
        self.loop.call_soon_threadsafe(self.go_on.set)

    def request(self, name: str, body: bytes = b"{}", key: str | None = None) -> bytes:
        return (
            f"POST /v1/{name} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key or self.key}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def wire(self) -> Wire:
        return Wire(self.address)

    def get(self, path: str) -> httpx.Response:
        url = f"http://{self.address[0]}:{self.address[1]}{path}"
        return httpx.get(url, timeout=30, trust_env=False)


@pytest.fixture(scope="module")
def made(module_database: Database) -> Iterator[Service]:
    service = Service()

    @contextlib.asynccontextmanager
    async def app() -> AsyncIterator[App]:
        keys = Connections(module_database.service, name="keys", size=1)
        await keys.start()
        figures = Figures()
        yield build_app(
            service.endpoints(),
            [*health_pages({}, "1"), metrics_page({}, figures)],
            keys=KeyRing(keys),
            minter=Minter(),
            limiter=Limiter(per_key=0, per_workspace=0),
            figures=figures,
            max_body=1_000,
            cors_origins=["https://a.example"],
            load=service.load,
        )
        await keys.stop()

    service.key = new_key(module_database.service)
    with serving_app(app) as address:
        parts = urlsplit(address)
        service.address = (parts.hostname or "", parts.port or 0)
        yield service


@pytest.fixture
def service(made: Service) -> Iterator[Service]:
    made.begun.clear()
    made.load.bound = 1_000
    yield made
    made.load.bound = 1_000
    wait_until(lambda: made.load.in_work == 0, 60)


def is_refusal(reply: Reply | None) -> None:
    assert reply is not None
    assert reply.status == 503, reply
    assert reply.headers[b"retry-after"] == b"1"
    assert json.loads(reply.body)["error"]["code"] == "overloaded"


def is_served(reply: Reply | None) -> None:
    assert reply is not None
    assert reply.status == 200, reply


def test_one_in_work_is_in_the_way_of_the_next(service: Service) -> None:
    service.load.bound = 1
    with service.wire() as first, service.wire() as second:
        first.send(service.request("held"))
        assert service.begun.wait(60)
        is_refusal(second.ask(service.request("quick")))
        is_refusal(second.ask(service.request("quick")))
        service.let_go()
        is_served(first.reply())
        wait_until(lambda: service.load.in_work == 0, 60)
        is_served(second.ask(service.request("quick")))


@pytest.mark.parametrize("name", ["model", "streamed"])
def test_one_that_waits_for_others_is_not(service: Service, name: str) -> None:
    service.load.bound = 1
    with service.wire() as first, service.wire() as second:
        first.send(service.request(name))
        assert service.begun.wait(60)
        is_served(second.ask(service.request("quick")))
        service.let_go()
        is_served(first.reply())


def test_one_whose_body_is_on_its_way_is_not(service: Service) -> None:
    service.load.bound = 1
    whole = service.request("quick")
    with service.wire() as first, service.wire() as second:
        first.send(whole[:-1])
        for _ in range(3):
            is_served(second.ask(service.request("quick")))
        first.send(whole[-1:])
        is_served(first.reply())


def test_a_body_that_came_too_late(service: Service) -> None:
    """Begun when there was room: refused all the same where there is none any more, and its connection stays."""
    whole = service.request("quick")
    with service.wire() as first:
        is_served(first.ask(whole))
        first.send(whole[:-1])
        with service.wire() as second:
            is_served(second.ask(whole))
        service.load.bound = 0
        first.send(whole[-1:])
        is_refusal(first.reply())
        service.load.bound = 1_000
        is_served(first.ask(whole))


def test_a_wrong_key_leaves_nothing_in_work(service: Service) -> None:
    with service.wire() as wire:
        for _ in range(3):
            reply = wire.ask(service.request("quick", key="wrong"))
            assert reply is not None
            assert reply.status == 401
    wait_until(lambda: service.load.in_work == 0, 60)


def test_health_and_figures_answer_when_all_else_is_refused(service: Service) -> None:
    service.load.bound = 0
    with service.wire() as wire:
        is_refusal(wire.ask(service.request("quick")))
    assert service.get("/health/live").status_code == 200
    assert service.get("/health/ready").status_code == 200
    figures = service.get("/metrics").text
    assert "verbatim_requests_in_work 0.0" in figures
    refused = figures.partition("\nverbatim_requests_refused_total ")[2].partition("\n")[0]
    assert float(refused) >= 1


def test_a_page_in_a_browser_can_read_the_refusal(service: Service) -> None:
    service.load.bound = 0
    whole = service.request("quick").replace(b"Host: x", b"Host: x\r\nOrigin: https://a.example")
    with service.wire() as wire:
        reply = wire.ask(whole)
        is_refusal(reply)
        assert reply is not None
        assert reply.headers[b"access-control-allow-origin"] == b"https://a.example"
