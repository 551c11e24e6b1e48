"""Counts tokens by workspace and day from Verbatim's events. Needs nats-py, nothing else.

    python count_tokens.py counts.json [--from POSITION] [--once]

All that it knows is in one file: the counts, and the position up to which they hold. Both are replaced together, so
that it may be killed at any moment and started again. An event that comes twice has a position that is counted already.
VERBATIM_NATS_URL says where NATS is.
"""

import argparse
import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

import nats
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

STREAM = "VERBATIM_EVENTS"
APPENDED = "verbatim.v1.*.*.MessageAppended"


class Counts:
    """Tokens by workspace and day, as of a position."""

    def __init__(self, path: Path, start: int) -> None:
        self._path = path
        self.position, self.tokens = start - 1, {}
        if path.exists():
            known = json.loads(path.read_text("utf-8"))
            self.position, self.tokens = known["position"], known["tokens"]

    def take(self, event: dict) -> None:
        position = int(event["position"])
        if position <= self.position:
            return  # it was delivered before
        self.position = position
        data = event["data"]
        if data is None:
            return  # too large for the stream, or unreadable for the relay
        workspace = event["source"].split("/")[2]
        days = self.tokens.setdefault(workspace, {})
        day = days.setdefault(data["created_at"][:10], {"input": 0, "output": 0})
        day["input"] += data["input_tokens"]
        day["output"] += data["output_tokens"]

    def save(self) -> None:
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps({"position": self.position, "tokens": self.tokens}), "utf-8")
        beside.replace(self._path)

    def show(self) -> None:
        print(f"as of position {self.position:,}")
        for workspace, days in sorted(self.tokens.items()):
            for day, tokens in sorted(days.items()):
                print(f"{workspace}  {day}  {tokens['input']:,} in  {tokens['output']:,} out")


async def subscribe(js, counts: Counts):
    """From the first position that is not counted yet; the consumer is the server's to forget."""
    first = (await js.stream_info(STREAM)).state.first_seq
    if first > counts.position + 1:
        print(
            f"the stream begins at position {first:,}: earlier ones are in the service's log only"
        )
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=counts.position + 1,
        ack_policy=AckPolicy.NONE,
        inactive_threshold=60,
    )
    return await js.pull_subscribe(APPENDED, stream=STREAM, config=config)


async def renew(js, counts: Counts):
    """A subscription as soon as the server gives one: it may be on its way up, its stream not filled again.

    Raises ConnectionClosedError: a client that was refused for good connects no more.
    """
    while True:
        try:
            return await subscribe(js, counts)
        except ConnectionClosedError:
            raise
        except (TimeoutError, NatsError) as error:
            print(f"{error}; trying again", file=sys.stderr)
            await asyncio.sleep(1)


async def tell(error: Exception) -> None:
    """In a line; without this, nats-py tells each failed connection with a traceback."""
    print(f"NATS: {error or type(error).__name__}", file=sys.stderr)


async def follow(url: str, counts: Counts, *, once: bool) -> None:
    client = await nats.connect(url.split(","), max_reconnect_attempts=-1, error_cb=tell)
    js = client.jetstream()
    subscription = await subscribe(js, counts)
    while True:
        try:
            messages = await subscription.fetch(500, timeout=2)
        except (TimeoutError, NatsError):
            try:  # nothing new; or a slow server, or one that was restarted and knows this consumer no more
                left = (await subscription.consumer_info()).num_pending
            except (TimeoutError, NatsError):
                subscription = await renew(js, counts)
                continue
            if once and not left:
                break
            continue
        for message in messages:
            counts.take(json.loads(message.data))
        counts.save()
    await client.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="holds the counts and their position")
    parser.add_argument("--from", type=int, default=1, dest="start", help="where a new file begins")
    parser.add_argument("--once", action="store_true", help="end when there is nothing new")
    given = parser.parse_args()
    counts = Counts(given.file, given.start)
    url = os.environ.get("VERBATIM_NATS_URL", "nats://127.0.0.1:4222")
    with suppress(KeyboardInterrupt):
        asyncio.run(follow(url, counts, once=given.once))
    counts.show()


if __name__ == "__main__":
    main()
