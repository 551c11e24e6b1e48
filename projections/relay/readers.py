"""Consumers for readers outside: one a workspace, made for them, as they may make none themselves.

Whoever makes a consumer says where its messages go, to any subject of the stream's account, and that no permission
of the server limits. So a reader has an account of its own, which may only pull from the consumer that bears its name
(deploy/nats/nats.conf).
"""

from contextlib import suppress

from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from projections.relay.errors import NatsUnavailable
from projections.relay.jetstream import JetStream, connected
from projections.relay.stream import STREAM
from projections.relay.together import until_one_ends

ACK_SECONDS = 60.0


def reader_name(workspace: str) -> str:
    """Of the consumer, and of the account that may pull from it."""
    return f"workspace_{workspace}"


async def make_reader(nats_url: str, workspace: str, first: int = 1) -> str:
    """Its name; one that was there begins anew, at this position. Raises NatsUnavailable."""
    name = reader_name(workspace)
    config = ConsumerConfig(
        name=name,
        durable_name=name,
        description=f"Whoever reads the events of {workspace}",
        filter_subject=f"verbatim.v1.{workspace}.>",
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=first,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_SECONDS,
    )
    async with connected(nats_url, "readers") as nats:
        await until_one_ends(_make(nats.js, config), nats.failure())
    return name


async def _make(js: JetStream, config: ConsumerConfig) -> None:
    with suppress(NotFoundError):  # the first of its name
        await js.delete_consumer(STREAM, config.durable_name)
    try:
        await js.add_consumer(STREAM, config)
    except NotFoundError:
        raise NatsUnavailable(f"there is no stream {STREAM} yet; start the relay") from None


async def remove_reader(nats_url: str, workspace: str) -> bool:
    """Whether there was one. Raises NatsUnavailable."""
    found = True

    async def remove(js: JetStream) -> None:
        nonlocal found
        try:
            await js.delete_consumer(STREAM, reader_name(workspace))
        except NotFoundError:
            found = False

    async with connected(nats_url, "readers") as nats:
        await until_one_ends(remove(nats.js), nats.failure())
    return found
