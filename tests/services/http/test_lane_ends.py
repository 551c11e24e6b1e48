"""What was begun at once and ends otherwise: refused by the log, broken, cut by the end of the process."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest

from eventstore.errors import Unavailable
from eventstore.reader import Connections
from services.http import keys, server
from services.http.app import build_app
from services.http.edge import App
from services.http.endpoint import Answer, Answered, Call, Endpoint, NoBody
from services.http.figures import Figures
from services.http.keys import KeyRing
from services.http.limits import Limiter
from services.http.minting import Minter
from services.http.overload import Load
from tests.hostile.client import Reply, Wire
from tests.servers import Database
from tests.services.support import new_key, serving_app

AnyCall = Call[None, NoBody]


class Service:
    """One endpoint, whose short way ends as the test says."""

    def __init__(self) -> None:
        self.load = Load()
        self.outcome: Answer | Exception | None = Answer(b'"short"', 201)
        self.begun = threading.Event()
        self.never = False
        self.ordinary = 0
        self.address = ("", 0)
        self.key = ""

    def endpoint(self) -> Endpoint:
        return Endpoint(
            *("POST", "/v1/things", "write", self.handle, "Do a thing"),
            answer=bytes,
            at_once=self.begin,
            body=NoBody,
        )

    async def handle(self, call: AnyCall) -> Answer:
        del call
        self.ordinary += 1
        return Answer(b'"ordinary"', 201)

    def begin(self, call: AnyCall, answered: Answered) -> bool:
        del call
        if not self.never:
            asyncio.get_running_loop().call_soon(self._tell, answered)
        self.begun.set()
        return True

    def _tell(self, answered: Answered) -> None:
        write = answered(self.outcome)
        if write is not None:
            write()

    def ask(self) -> Reply:
        with Wire(self.address) as wire:
            for _ in range(2):  # the first time the key is not known yet
                self.begun.clear()
                reply = wire.ask(self.request)
                assert reply is not None
                if self.begun.is_set():
                    return reply
        raise AssertionError("it was not begun at once")

    @property
    def request(self) -> bytes:
        head = f"POST /v1/things HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\n"
        return head.encode() + b"Content-Length: 2\r\n\r\n{}"


@contextlib.contextmanager
def served(dsn: str) -> Iterator[Service]:
    made = Service()
    made.key = new_key(dsn)

    @contextlib.asynccontextmanager
    async def app() -> AsyncIterator[App]:
        connections = Connections(dsn, name="test", size=1)
        await connections.start()
        try:
            yield build_app(
                [made.endpoint()],
                [],
                keys=KeyRing(connections),
                minter=Minter(),
                limiter=Limiter(per_key=0, per_workspace=0),
                figures=Figures(),
                max_body=1_000,
                load=made.load,
            )
        finally:
            await connections.stop()

    with serving_app(app) as address:
        parts = urlsplit(address)
        made.address = (parts.hostname or "", parts.port or 0)
        yield made
    assert made.load.in_work == 0


@pytest.fixture(autouse=True)
def _no_key_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FRESH_SECONDS", "TRUSTED_SECONDS"):  # a slow machine forgets no key
        monkeypatch.setattr(keys, name, 3_600)


@pytest.fixture
def service(module_database: Database) -> Iterator[Service]:
    with served(module_database.service) as made:
        yield made


def test_the_short_way(service: Service) -> None:
    reply = service.ask()
    assert (reply.status, reply.body) == (201, b'"short"')


def test_what_is_to_be_done_again_goes_the_ordinary_way(service: Service) -> None:
    service.outcome = None
    before = service.ordinary
    reply = service.ask()
    assert (reply.status, reply.body) == (201, b'"ordinary"')
    assert service.ordinary > before


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (Unavailable("gone"), 503, "unavailable"),
        (ZeroDivisionError(), 500, "internal_error"),
    ],
)
def test_a_failure_is_answered_in_the_envelope(
    service: Service, failure: Exception, status: int, code: str
) -> None:
    service.outcome = failure
    reply = service.ask()
    error = json.loads(reply.body)["error"]
    assert reply.status == status
    assert error["code"] == code
    assert error["request_id"].encode() == reply.headers[b"x-request-id"]


def test_the_end_of_the_process_cuts_it(
    module_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is answered, as whatever was in flight is: nobody knows its outcome."""
    monkeypatch.setattr(server, "GRACE_SECONDS", 0.5)
    with contextlib.ExitStack() as stack:
        with served(module_database.service) as service:
            service.ask()
            service.never = True
            service.begun.clear()
            wire = stack.enter_context(Wire(service.address))
            wire.send(service.request)
            assert service.begun.wait(30)
        reply = wire.reply()
        assert reply is not None
        assert reply.status == 503
        assert reply.headers[b"connection"] == b"close"
