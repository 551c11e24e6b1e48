"""A running service for tests: the real app behind a real socket, on a real database."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    closing,
    contextmanager,
)
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvloop

from eventstore.connect import connect
from projections.registry import GROUPS
from projections.runner import Runner
from services.http import keys
from services.http.edge import App
from services.http.server import serve
from services.listening import listen
from services.processes import Room, http_app
from services.settings import Settings
from tests.servers import Database

ROOMS: tuple[Room, ...] = ("command", "query", "gateway")


@contextmanager
def projecting(dsn: str) -> Iterator[None]:
    """The projections, each group in a thread."""
    stop = threading.Event()
    runners = [Runner(dsn, group, page=1_000, stop=stop) for group in GROUPS]
    threads = [threading.Thread(target=runner.run, name="projections") for runner in runners]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()


def serving(
    dsn: str, rooms: tuple[Room, ...] = ROOMS, **settings: Any
) -> AbstractContextManager[str]:
    """A process's worth of service in a thread with a loop of its own; gives its address.

    Keys may be tried without end, as many tests do from one address; those of the limit set it. A slow machine is no
    overload, unless a test says so.
    """
    given = {"refused_keys": 0, "overload_wait_seconds": 60, "read_wait_seconds": 20} | settings
    return serving_app(lambda: http_app(Settings(database_url=dsn, **given), rooms))


@contextmanager
def serving_app(made: Callable[[], AbstractAsyncContextManager[App]]) -> Iterator[str]:
    """An app in a thread with a loop of its own; gives its address."""
    listener = listen("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    started = threading.Event()
    held: dict[str, Any] = {}

    async def main() -> None:
        held["loop"] = asyncio.get_running_loop()
        held["stop"] = asyncio.Event()
        async with made() as app:
            started.set()
            await serve(app, listener, held["stop"])

    def run() -> None:
        try:
            uvloop.run(main())
        except BaseException as error:
            held["error"] = error
            raise
        finally:
            started.set()

    thread = threading.Thread(target=run, name="service")
    thread.start()
    started.wait(30)
    assert "error" not in held, held
    try:
        yield address
    finally:
        held["loop"].call_soon_threadsafe(held["stop"].set)
        thread.join(30)
        assert not thread.is_alive()


def new_key(
    dsn: str, workspace: str = "acme", scopes: tuple[keys.Scope, ...] = keys.SCOPES, **more: Any
) -> str:
    with connect(dsn, name="test") as connection:
        made = keys.create(
            connection, workspace=workspace, name="test", scopes=list(scopes), **more
        )
        return made[0]


@dataclass
class Api:
    """A client of one workspace; paths are below /v1."""

    address: str
    database: Database
    key: str
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(
            base_url=f"{self.address}/v1",
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=30,
        )

    def close(self) -> None:
        self.client.close()

    def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.client.request(method, path, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.client.get(path, **more)

    def post(self, path: str, json: Any = None, **more: Any) -> httpx.Response:
        return self.client.post(path, json=json, **more)

    def patch(self, path: str, json: Any, **more: Any) -> httpx.Response:
        return self.client.patch(path, json=json, **more)

    def delete(self, path: str, **more: Any) -> httpx.Response:
        return self.client.delete(path, **more)

    def start(self, name: str, *texts: str, **more: Any) -> httpx.Response:
        """A new conversation with messages of a user."""
        messages = [{"role": "user", "content": text} for text in texts]
        answer = self.post("/conversations", {"id": name, "messages": messages, **more})
        assert answer.status_code == 201, answer.text
        return answer

    @contextmanager
    def at(self, address: str) -> Iterator["Api"]:
        """The same client at another process."""
        with closing(Api(address, self.database, self.key)) as other:
            yield other

    @contextmanager
    def as_workspace(self, workspace: str, **more: Any) -> Iterator["Api"]:
        """A client of another workspace at the same process."""
        key = new_key(self.database.service, workspace, **({"unlimited": True} | more))
        with closing(Api(self.address, self.database, key)) as other:
            yield other

    def head(self) -> int:
        """The log's last position."""
        with connect(self.database.service, name="test") as connection:
            row = connection.execute("SELECT position FROM head").fetchone()
        assert row is not None
        return int(row[0])


def refused(
    answer: httpx.Response, status: int, code: str | None = None, param: str | None = None
) -> dict[str, Any]:
    """The answer's error, after a look at its envelope."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["request_id"] == answer.headers["x-request-id"]
    assert error["message"]
    if code is not None:
        assert error["code"] == code
    if param is not None:
        assert error["param"] == param
    return error
