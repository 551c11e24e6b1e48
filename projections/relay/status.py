"""How far the stream is behind the log, asked of both."""

import msgspec

from projections.leading import RELAY, is_led
from projections.relay import stream as streams
from projections.relay.jetstream import connected
from projections.relay.log import opened
from projections.relay.stream import STREAM


class RelayStatus(msgspec.Struct, frozen=True):
    """`first` and `last` are null where there is no stream; `last < first` in one without messages."""

    stream: str
    first: int | None
    last: int | None
    head: int
    lag: int
    """Events of the log that are not in the stream yet; below zero where it holds more than the log has."""
    running: bool
    """Whether a relay is at work on this database."""


async def relay_status(database_url: str, nats_url: str) -> RelayStatus:
    """Raises RelayError, psycopg.OperationalError."""
    async with connected(nats_url, "status") as nats:
        state = await streams.state_of(nats.js)
    async with opened(database_url) as log:
        head = await log.head()
        running = await log.do(lambda follower: is_led(follower.connection, RELAY))
    first, last = state or (None, None)
    return RelayStatus(STREAM, first, last, head, head - (last or 0), running)
