"""The stream made anew from the log: after it was lost, damaged, or filled from another database."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import nats.js.errors
from nats.js.api import ConsumerConfig, ConsumerInfo, DeliverPolicy

from projections.relay import stream as streams
from projections.relay.jetstream import JetStream, connected
from projections.relay.log import opened
from projections.relay.outgoing import Outbox
from projections.relay.relay import Relay, Wiring
from projections.relay.stream import STREAM
from projections.relay.together import until_one_ends

Tell = Callable[[int, int], None]
"""Told the position reached and the one aimed at."""

LOOK_SECONDS = 0.2


async def refill(wiring: Wiring, tell: Tell) -> None:
    """Away with the stream; then filled up to the log's head of now.

    By us, beside a relay that runs: on a quiet log that one looks at the stream only with its next event. Durable
    consumers are made again and go on behind what they had acknowledged. Raises RelayError, psycopg.OperationalError.
    """
    async with connected(wiring.nats_url, "refill") as nats:
        async with opened(wiring.database_url) as log:
            head = await log.head()
            outbox = Outbox(content=wiring.content, largest=nats.client.max_payload)
            first = await log.first_position(outbox, wiring.bounds)
        kept = await _consumers(nats.js)
        if (
            await streams.found(nats.js, wiring.bounds) is not None
        ):  # bounds that cannot be, fail here
            await nats.js.delete_stream(STREAM)
        await streams.create(nats.js, wiring.bounds, first)
        for config in kept:
            await _make_again(nats.js, config, first)
        relay = Relay(wiring, leading=False)
        await until_one_ends(
            relay.run(asyncio.Event()), _reached(nats.js, head, tell), nats.failure()
        )


async def _reached(js: JetStream, head: int, tell: Tell) -> None:
    while True:
        state = await streams.state_of(js)
        if state is not None:
            tell(state.last, head)
            if state.last >= head:
                return
        await asyncio.sleep(LOOK_SECONDS)


async def _make_again(js: JetStream, config: ConsumerConfig, first: int) -> None:
    config = replace(config, opt_start_seq=max(config.opt_start_seq or 1, first))
    try:
        await js.add_consumer(STREAM, config)
    except nats.js.errors.APIError:  # its owner was quicker, and does not know where it was
        await js.delete_consumer(STREAM, config.durable_name)
        await js.add_consumer(STREAM, config)


async def _consumers(js: JetStream) -> list[ConsumerConfig]:
    """The durable ones, set to go on behind their acknowledgements: a position is a sequence here, too."""
    found: list[ConsumerInfo] = []
    try:
        while page := await js.consumers_info(STREAM, len(found)):
            found += page
    except nats.js.errors.NotFoundError:
        return []
    return [_going_on(info) for info in found if info.config.durable_name]


def _going_on(info: ConsumerInfo) -> ConsumerConfig:
    acknowledged = info.ack_floor.stream_seq if info.ack_floor else 0
    return replace(
        info.config,
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=acknowledged + 1,
        opt_start_time=None,
    )
