"""Pulls messages of a durable consumer, and notices when nothing answers any more.

A pull request that a restarted server never heard of is waited for in vain. So each asks for heartbeats; where
neither a message nor a heartbeat comes, whoever pulls begins anew.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

import msgspec
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import ConsumerConfig
from nats.js.errors import NotFoundError

from projections.relay.errors import NatsUnavailable
from projections.relay.jetstream import Nats

EXPIRES_SECONDS = 10.0
HEARTBEAT_SECONDS = 1.0
SILENCE_SECONDS = 3.5
"""Three heartbeats that did not come."""

HEARTBEAT = "100"
ENDED = frozenset({"404", "408"})
"""The request was answered, or its time is over: ask again."""


async def ensure_consumer(nats: Nats, stream: str, config: ConsumerConfig) -> None:
    """Make it where it is missing. Raises nats.js.errors.NotFoundError where there is no stream."""
    try:
        await nats.js.consumer_info(stream, config.durable_name)
    except NotFoundError:
        await nats.js.add_consumer(stream, config)


async def pulled(
    nats: Nats, stream: str, durable: str, room: Callable[[], Awaitable[int]]
) -> AsyncGenerator[Msg]:
    """Messages as they come; never more at a time than `room` says there is room for.

    Raises NatsUnavailable where the consumer is gone or silent, and what the client raises.
    """
    client = nats.client
    inbox = client.new_inbox()
    heard: asyncio.Queue[Msg] = asyncio.Queue()
    answers = await nats.subscribe(inbox, heard.put)
    subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
    try:
        while True:
            left = await room()
            request = {
                "batch": left,
                "expires": int(EXPIRES_SECONDS * 1e9),
                "idle_heartbeat": int(HEARTBEAT_SECONDS * 1e9),
            }
            await client.publish(subject, msgspec.json.encode(request), reply=inbox)
            while left:
                try:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        message = await heard.get()
                except TimeoutError as error:
                    raise NatsUnavailable("NATS: the subscription is silent") from error
                status = _status(message)
                if status is None:
                    left -= 1
                    yield message
                elif status in ENDED:
                    break
                elif status != HEARTBEAT:
                    raise NatsUnavailable(f"NATS: the consumer ends: {_description(message)}")
    finally:
        # First of all, else what is given back now comes straight here again, to nobody.
        with suppress(NatsError):
            await answers.unsubscribe()


def _status(message: Msg) -> str | None:
    headers: dict[str, str] = message.headers or {}
    return headers.get("Status")


def _description(message: Msg) -> str:
    headers: dict[str, str] = message.headers or {}
    return headers.get("Description") or headers.get("Status", "")
