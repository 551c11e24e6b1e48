"""Writes Verbatim's messages to Parquet files for DuckDB. Needs nats-py and duckdb.

    python write_parquet.py events [--once]

Each file holds the messages of a range of positions and is named after it, so that the folder itself says where to
go on: it may be killed at any moment and started again. VERBATIM_NATS_URL says where NATS is.
"""

import argparse
import asyncio
import json
import os
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

import duckdb
import nats
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

STREAM = "VERBATIM_EVENTS"
APPENDED = "verbatim.v1.*.*.MessageAppended"

MOST_ROWS, MOST_SECONDS = 10_000, 60.0
"""A file is closed when it has so many rows, or its first one is so old."""

COLUMNS = {
    "position": "BIGINT",
    "workspace": "VARCHAR",
    "conversation": "VARCHAR",
    "appended_at": "TIMESTAMPTZ",
    "created_at": "TIMESTAMPTZ",
    "role": "VARCHAR",
    "model": "VARCHAR",
    "input_tokens": "BIGINT",
    "output_tokens": "BIGINT",
    "cost_cents": "DOUBLE",
}


class Folder:
    """`<first>-<last>.parquet`, each written beside and then renamed: a file that has its name is whole."""

    def __init__(self, path: Path) -> None:
        path.mkdir(exist_ok=True)
        self._path = path
        ends = [re.fullmatch(r"\d+-(\d+)\.parquet", file.name) for file in path.iterdir()]
        self.position = max((int(end[1]) for end in ends if end), default=0)
        self._rows: list[dict] = []
        self._since = 0.0

    @property
    def is_due(self) -> bool:
        return len(self._rows) >= MOST_ROWS or time.monotonic() - self._since > MOST_SECONDS

    def take(self, event: dict) -> None:
        position, data = int(event["position"]), event["data"]
        if position <= self.position:
            return  # it was delivered before
        self.position = position
        if data is None:
            return  # too large for the stream, or unreadable for the relay
        if not self._rows:
            self._since = time.monotonic()
        ours = {
            "position": position,
            "workspace": event["source"].split("/")[2],
            "conversation": event["subject"],
            "appended_at": event["time"],
        }
        self._rows.append(ours | {name: data[name] for name in COLUMNS if name not in ours})

    def write(self) -> None:
        if not self._rows:
            return
        name = f"{self._rows[0]['position']:012}-{self._rows[-1]['position']:012}.parquet"
        beside, lines = self._path / f"{name}.new", self._path / f"{name}.lines"
        lines.write_text("\n".join(map(json.dumps, self._rows)), "utf-8")
        with duckdb.connect() as database:
            rows = database.read_json(str(lines), columns=COLUMNS, format="newline_delimited")
            rows.write_parquet(str(beside))
        lines.unlink()
        beside.replace(self._path / name)
        print(f"{name}: {len(self._rows):,} messages", flush=True)
        self._rows = []


async def subscribe(js, position: int):
    """From the position behind this one; the consumer is the server's to forget."""
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=position + 1,
        ack_policy=AckPolicy.NONE,
        inactive_threshold=60,
    )
    return await js.pull_subscribe(APPENDED, stream=STREAM, config=config)


async def renew(js, position: int):
    """A subscription as soon as the server gives one: it may be on its way up, its stream not filled again.

    Raises ConnectionClosedError: a client that was refused for good connects no more.
    """
    while True:
        try:
            return await subscribe(js, position)
        except ConnectionClosedError:
            raise
        except (TimeoutError, NatsError) as error:
            print(f"{error}; trying again", file=sys.stderr)
            await asyncio.sleep(1)


async def tell(error: Exception) -> None:
    """In a line; without this, nats-py tells each failed connection with a traceback."""
    print(f"NATS: {error or type(error).__name__}", file=sys.stderr)


async def follow(url: str, folder: Folder, *, once: bool) -> None:
    client = await nats.connect(url.split(","), max_reconnect_attempts=-1, error_cb=tell)
    js = client.jetstream()
    subscription = await subscribe(js, folder.position)
    while True:
        try:
            messages = await subscription.fetch(500, timeout=1 if once else 5)
        except (TimeoutError, NatsError):
            folder.write()
            try:  # nothing new; or a slow server, or one that was restarted and knows this consumer no more
                left = (await subscription.consumer_info()).num_pending
            except (TimeoutError, NatsError):
                subscription = await renew(js, folder.position)
                continue
            if once and not left:
                break
            continue
        for message in messages:
            folder.take(json.loads(message.data))
        if folder.is_due:
            folder.write()
    await client.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds the files")
    parser.add_argument("--once", action="store_true", help="end when there is nothing new")
    given = parser.parse_args()
    folder = Folder(given.folder)
    url = os.environ.get("VERBATIM_NATS_URL", "nats://127.0.0.1:4222")
    with suppress(KeyboardInterrupt):
        asyncio.run(follow(url, folder, once=given.once))
    folder.write()


if __name__ == "__main__":
    main()
