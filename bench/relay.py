"""The relay: how fast it fills JetStream, how soon a subscriber sees an append: `python -m bench.relay [--short]`.

Real processes throughout: `verbatim relay run`, and the command service over HTTP. Markdown on standard output,
progress on standard error.
"""

import argparse
import asyncio
import statistics
import time
from uuid import uuid4

import httpx
import msgspec
import nats
import psycopg
import uvloop
from nats.aio.msg import Msg

from bench import support
from bench.contestants import BODY, TEXT, TOPIC
from bench.serving import Process, make_key, process, start_conversations
from bench.support import machine, table, tell
from deploy.embedded.nats import EmbeddedNats
from deploy.embedded.postgres import EmbeddedPostgres
from projections.relay.jetstream import connected
from projections.relay.stream import STREAM, state_of

CONVERSATIONS = 10_000
SETTINGS = {"VERBATIM_STREAM_MAX_DAYS": "20000", "VERBATIM_STREAM_MAX_MEGABYTES": "8192"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a minute; marked as such")
    parser.add_argument("--events", type=int)
    parser.add_argument("--rounds", type=int)
    given = parser.parse_args()
    events = given.events or (100_000 if given.short else 500_000)
    rounds = given.rounds or (2 if given.short else 3)
    print(f"`python -m bench.relay`{' **short**' if given.short else ''}: {machine()}\n")
    with support.server() as postgres:
        throughput(postgres, events, rounds)
    with support.server() as postgres, support.nats() as server:
        uvloop.run(latency(postgres, server, 300 if given.short else 2_000))


def throughput(postgres: EmbeddedPostgres, events: int, rounds: int) -> None:
    """A log of messages of 400 bytes, an empty stream, one relay."""
    tell(f"filling a log of {events:,} events")
    fill(postgres.migrate_database_url, events)
    print(
        f"{events:,} events of {CONVERSATIONS:,} conversations, messages of 400 bytes, {rounds} rounds, medians.\n"
    )
    rows: list[list[str]] = []
    for content in ("false", "true"):
        found = [once(postgres, events, content) for _ in range(rounds)]
        rate, relay_cpu, nats_cpu = (
            statistics.median(column) for column in zip(*found, strict=True)
        )
        rows.append(
            [
                "with content" if content == "true" else "figures only (the default)",
                f"{rate:,.0f}",
                f"{relay_cpu:.1f}",
                f"{nats_cpu:.1f}",
            ]
        )
    table(["", "events a second", "relay, µs of CPU an event", "NATS, µs an event"], rows)


def once(postgres: EmbeddedPostgres, events: int, content: str) -> tuple[float, float, float]:
    """Events a second from the stream's first to its last; microseconds of CPU an event, of relay and NATS."""
    with support.nats() as server:
        settings = {**SETTINGS, "VERBATIM_NATS_URL": server.nats_url}
        settings["VERBATIM_PUBLISH_CONTENT"] = content
        assert server.child is not None
        there = Process(0, server.child.pid)
        with process("relay", postgres, **settings) as relay:
            first, started = uvloop.run(reached(server, 1))
            before = relay.cpu_seconds(), there.cpu_seconds()
            last, ended = uvloop.run(reached(server, events))
            after = relay.cpu_seconds(), there.cpu_seconds()
    count = last - first
    rate = count / (ended - started)
    tell(f"  content {content}: {rate:,.0f} events/s")
    used = [(end - begin) / count * 1e6 for begin, end in zip(before, after, strict=True)]
    return rate, used[0], used[1]


async def reached(server: EmbeddedNats, position: int) -> tuple[int, float]:
    """Where the stream is when it has reached a position, and when that was."""
    async with connected(server.nats_url, "bench") as nats:
        while (state := await state_of(nats.js)) is None or state.last < position:  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.02)
        return state.last, time.perf_counter()


def fill(dsn: str, events: int) -> None:
    with psycopg.connect(dsn) as connection:
        with connection.cursor().copy("COPY events FROM STDIN") as copy:
            for position in range(1, events + 1):
                command = uuid4().hex
                state = BODY % (command.encode(), command.encode(), TEXT[:400])
                stream = f"bench:conv_{position % CONVERSATIONS:032x}"
                version = (position - 1) // CONVERSATIONS + 1
                copy.write_row((position, stream, version, TOPIC, state, command))
        connection.execute("UPDATE head SET position = %s", [events])
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE events")


async def latency(postgres: EmbeddedPostgres, server: EmbeddedNats, count: int) -> None:
    """One append at a time over HTTP, the service otherwise idle; a JetStream consumer in this process."""
    settings = {**SETTINGS, "VERBATIM_NATS_URL": server.nats_url}
    key = make_key(postgres)
    with process("command", postgres, **settings) as at, process("relay", postgres, **settings):
        start_conversations(at, key, ["c-1"])
        await reached(server, 1)
        client = await nats.connect(server.nats_url)  # pyright: ignore[reportUnknownMemberType] - the client's types are partial
        seen: asyncio.Queue[tuple[int, float]] = asyncio.Queue()

        async def see(message: Msg) -> None:
            seen.put_nowait((message.metadata.sequence.stream, time.perf_counter()))

        await client.jetstream().subscribe("", stream=STREAM, cb=see, ordered_consumer=True)  # pyright: ignore[reportUnknownMemberType] - as above
        whole, behind = await appended(at, key, seen, count)
        await client.close()
    print(
        f"From a command to a JetStream subscriber, ms; {count:,} appends over HTTP, one at a time.\n"
    )
    rows = [
        [name, *(f"{value * 1e3:.1f}" for value in percentiles(figures))]
        for name, figures in (("from the request", whole), ("from the answer", behind))
    ]
    table(["", "median", "p90", "p99", "max"], rows)


async def appended(
    at: Process, key: str, seen: "asyncio.Queue[tuple[int, float]]", count: int
) -> tuple[list[float], list[float]]:
    whole: list[float] = []
    behind: list[float] = []
    body = msgspec.json.encode({"role": "user", "content": TEXT[:400].decode()})
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=at.address, headers=headers, timeout=30) as http:
        for number in range(count):
            sent = time.perf_counter()
            answer = await http.post("/conversations/c-1/messages", content=body)
            answered = time.perf_counter()
            position = int(answer.headers["x-event-position"])
            while True:
                found, when = await asyncio.wait_for(seen.get(), 10)
                if found == position:
                    break
            whole.append(when - sent)
            behind.append(max(0.0, when - answered))
            await asyncio.sleep(0.003 + number % 17 / 1_000)
    return whole, behind


def percentiles(figures: list[float]) -> list[float]:
    cuts = statistics.quantiles(figures, n=100)
    return [cuts[49], cuts[89], cuts[98], max(figures)]


if __name__ == "__main__":
    main()
