"""A connection to NATS with JetStream: one attempt, and lost for good once it is lost.

The client's own reconnecting would send again what it had buffered, and leaves pull requests behind that no server
knows any more. Whoever uses a connection here looks, on the next one, at what became of the last.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from projections.relay.errors import NatsUnavailable

CONNECT_SECONDS = 3
PING_SECONDS = 5
"""A server that is silent for about twice as long is taken for lost."""

FORBIDDEN = "permissions violation"

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")

JetStream = Any
"""A `nats.js.JetStreamContext`, whose methods are typed in part only."""


class Nats:
    """What a connection offers. `lost` says why, as soon as it is gone or not allowed to do its work."""

    def __init__(self, client: Client, lost: asyncio.Future[str]) -> None:
        self.client = client
        self.js: JetStream = client.jetstream()  # pyright: ignore[reportUnknownMemberType] - as said above
        self._lost = lost

    async def failure(self) -> None:
        """Waits for it. Raises NatsUnavailable."""
        raise NatsUnavailable(f"NATS: {await asyncio.shield(self._lost)}")

    async def subscribe(
        self, subject: str, heard: Callable[[Msg], Awaitable[None]]
    ) -> Subscription:
        return await self.client.subscribe(subject, cb=heard)  # pyright: ignore[reportUnknownMemberType] - as above


@asynccontextmanager
async def connected(url: str, name: str) -> AsyncGenerator[Nats]:
    """`url` may name several servers, separated by commas; `name` shows in the server's list of connections.

    Raises NatsUnavailable, then and whenever NATS fails inside.
    """
    reasons: list[Exception] = []
    lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def lose(why: str) -> None:
        if not lost.done():
            lost.set_result(why)

    async def note(error: Exception) -> None:
        reasons.append(error)
        if FORBIDDEN in str(
            error
        ):  # the server says so once, beside the request, which it never answers
            lose(reason(error))

    async def closed() -> None:
        lose(reason(client.last_error) if client.last_error else "the connection was lost")

    client = Client()
    with as_unavailable(reasons):
        try:
            await client.connect(
                url.split(","),
                name=f"verbatim {name}",
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=CONNECT_SECONDS,
                ping_interval=PING_SECONDS,
                error_cb=note,
                closed_cb=closed,
                inbox_prefix=inbox_of(url),
            )
            yield Nats(client, lost)
        finally:
            await client.close()
            await asyncio.sleep(0)  # lets a refused connection's transport end before its loop does


def inbox_of(url: str) -> bytes:
    """Where answers come to: below the user's own name, so that permissions can keep others from hearing them."""
    try:
        user = urlsplit(url.partition(",")[0]).username or ""
    except ValueError:
        user = ""
    return f"_INBOX.{user}".encode() if _TOKEN.fullmatch(user) else b"_INBOX"


@contextmanager
def as_unavailable(reasons: list[Exception] | None = None) -> Generator[None]:
    """What the client raises, as NatsUnavailable; `reasons` is what it had told before."""
    try:
        yield
    except (nats.errors.Error, OSError, TimeoutError) as error:
        vague = isinstance(error, nats.errors.NoServersError | nats.errors.ConnectionClosedError)
        told = reasons[-1] if vague and reasons else error
        raise NatsUnavailable(f"NATS: {reason(told)}") from error


def reason(error: BaseException) -> str:
    """In one line, without the client's own prefix."""
    if isinstance(error, nats.js.errors.APIError) and error.description:
        return error.description
    text = " ".join(str(error).split()).removeprefix("nats: ")
    return text or type(error).__name__
