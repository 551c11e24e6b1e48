"""Where a new stream begins, when the log is longer than what the stream keeps."""

from datetime import UTC, datetime, timedelta

from domain.codec import Codec, CodecError
from eventstore.follower import Follower
from projections.relay.outgoing import Outbox
from projections.relay.stream import Bounds

SAMPLE = 1_000
ROOMY = 2
"""Too much is dropped by the server, too little is missing: the guess by size leaves room."""

STORED_BYTES = 30
"""What the server adds to each message, beside its subject."""


def first_position(follower: Follower, outbox: Outbox, bounds: Bounds) -> int:
    """1 for a log that fits. Older positions would be thrown out again by the stream's own bounds."""
    head = follower.head()
    if head == 0:
        return 1
    return max(_by_age(follower, head, bounds.seconds), _by_size(follower, head, outbox, bounds))


def _by_age(follower: Follower, head: int, seconds: float) -> int:
    """The first event that is young enough, found by halving: times grow with positions, or nearly."""
    oldest = datetime.now(UTC) - timedelta(seconds=seconds)
    decode_meta = Codec().decode_meta
    low, high = 1, head + 1
    while low < high:
        middle = (low + high) // 2
        (row,) = follower.read(middle - 1, middle)
        try:
            young = decode_meta(row.topic, row.state).occurred_at >= oldest
        except CodecError:
            young = True
        if young:
            high = middle
        else:
            low = middle + 1
    return low


def _by_size(follower: Follower, head: int, outbox: Outbox, bounds: Bounds) -> int:
    """By the average size of the newest events."""
    rows = follower.read(max(0, head - SAMPLE), head)
    made = [outbox.made(row) for row in rows]
    average = sum(each.size + len(each.subject) + STORED_BYTES for each in made) / len(made)
    return max(1, head + 1 - ROOMY * int(bounds.bytes / average))
