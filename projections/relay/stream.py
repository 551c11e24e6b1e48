"""The JetStream stream that carries the events: how it is made, and what it holds."""

from dataclasses import replace
from typing import NamedTuple

import msgspec
import nats.js.errors
from nats.js.api import DiscardPolicy, StorageType, StreamConfig, StreamInfo

from domain.published import MESSAGE_ID_HEADER, STREAM, SUBJECTS
from projections.relay.errors import Refused
from projections.relay.jetstream import JetStream, reason

DUPLICATE_SECONDS = 1.0
"""The expected sequence alone keeps copies out. The server remembers every id for this long, in memory."""

ALREADY_MADE = 10058
"""The server's code for a stream of this name with another configuration."""


class Bounds(msgspec.Struct, frozen=True):
    """What the stream keeps, old events going first, and on how many servers."""

    seconds: float
    bytes: int
    replicas: int = 1


class State(NamedTuple):
    """Of a stream without messages `first` is `last + 1`."""

    first: int
    last: int


async def state_of(js: JetStream) -> State | None:
    """None where there is no stream. Raises what the client raises."""
    try:
        return _state(await js.stream_info(STREAM))
    except nats.js.errors.NotFoundError:
        return None


async def found(js: JetStream, bounds: Bounds) -> State | None:
    """As `state_of`; a stream that was made under other settings is brought to these. Raises Refused."""
    try:
        info: StreamInfo = await js.stream_info(STREAM)
    except nats.js.errors.NotFoundError:
        return None
    wanted = _bounded(info.config, bounds)
    if wanted != info.config:
        try:
            await js.update_stream(wanted)
        except nats.js.errors.APIError as error:
            raise _not_made(error) from error
    return _state(info)


async def create(js: JetStream, bounds: Bounds, first: int) -> State:
    """Made with its first sequence; where another was quicker, what that one made. Raises Refused."""
    config = _bounded(
        StreamConfig(
            name=STREAM,
            description="The events of Verbatim's log: a sequence is a position.",
            subjects=[SUBJECTS],
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            duplicate_window=DUPLICATE_SECONDS,
            first_seq=first,
        ),
        bounds,
    )
    try:
        return _state(await js.add_stream(config))
    except nats.js.errors.APIError as error:
        if error.err_code == ALREADY_MADE:
            return _state(await js.stream_info(STREAM))
        raise _not_made(error) from error


async def event_id_at(js: JetStream, position: int) -> str | None:
    """The event's id as the stream has it; None where the stream no longer holds the position."""
    try:
        message = await js.get_msg(STREAM, position)
    except nats.js.errors.NotFoundError:
        return None
    headers: dict[str, str] = message.headers or {}
    return headers.get(MESSAGE_ID_HEADER, "")


def _bounded(config: StreamConfig, bounds: Bounds) -> StreamConfig:
    return replace(
        config, max_age=bounds.seconds, max_bytes=bounds.bytes, num_replicas=bounds.replicas
    )


def _state(info: StreamInfo) -> State:
    return State(info.state.first_seq, info.state.last_seq)


def _not_made(error: nats.js.errors.APIError) -> Refused:
    return Refused(
        f"NATS does not make the stream {STREAM}: {reason(error)}; mind VERBATIM_STREAM_MAX_DAYS,"
        " VERBATIM_STREAM_MAX_MEGABYTES and VERBATIM_STREAM_REPLICAS"
    )
