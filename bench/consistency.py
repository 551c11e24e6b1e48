"""A read sees every write acknowledged before it: `python -m bench.consistency [--pairs 100000] [--short]`.

Two command and two query processes, projections and the relay, on real PostgreSQL and NATS. Each pair writes at one
command process and at once reads at one query process, each picked at random. Ends with 1 where a read missed its write.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from typing import Any

import httpx
import msgspec
import uvloop

from bench.asking import Asking, Told
from bench.pairs import READS, Known, Write, Writer, read_path, shows
from bench.serving import Process, make_key, process
from bench.support import machine, nats, server, table, tell

ASKED: Mapping[str, tuple[str, ...]] = {
    "by default": (),
    "`X-Min-Position`": ("position",),
    "`X-Min-Position`, `X-Consistency: eventual`": ("position", "eventual"),
}
"""How a read may ask for its write."""
EVENTUAL = "`X-Consistency: eventual` alone (may miss)"
CONTROLS = 0.1
"""Share of further reads that do not wait: what a read costs without consistency, and whether a miss would be found."""
WAIT = "verbatim_read_wait_seconds"


class Found(msgspec.Struct):
    """What happened, by how the read asked: seconds of the reads, misses, and what is to be told of them."""

    seconds: defaultdict[str, list[float]]
    missed: Counter[str]
    refused: Counter[str]
    """503 after the service's patience, by how the read asked: no miss, but no answer either."""
    writes: Counter[str]
    reads: Counter[str]
    misses: list[str]
    pairs: int = 0


class Client:
    """One that writes and reads; its conversations are its own, the processes are everybody's."""

    def __init__(
        self, number: int, commands: list[Process], queries: list[Process], key: str, seed: int
    ) -> None:
        self._chance = random.Random(f"{seed}-{number}")
        self._writer = Writer(f"u{number}", self._chance)
        self._commands = [Asking(at.port, key) for at in commands]
        self._queries = [Asking(at.port, key) for at in queries]

    async def run(self, pairs: Iterable[int], found: Found) -> None:
        for _ in pairs:
            await self._pair(found)
        for end in (*self._commands, *self._queries):
            end.close()

    async def _pair(self, found: Found) -> None:
        chance = self._chance
        write = self._writer.next()
        wrote = await chance.choice(self._commands).ask(write.method, write.path, write.body)
        if wrote.status not in (200, 201):
            raise RuntimeError(f"{write.method} {write.path}: {wrote.status} {wrote.body!r}")
        known = self._writer.acknowledged(write, int(wrote.headers["etag"].strip('"')))
        position = wrote.headers["x-event-position"]
        controlled = chance.random() < CONTROLS
        asked = EVENTUAL if controlled else chance.choice(list(ASKED))
        await self._read(found, asked, write, known, position)
        if controlled:  # it was no pair: its write is still to be seen
            await self._read(found, "by default", write, known, position)
        found.pairs += 1
        found.writes[write.kind] += 1

    async def _read(
        self, found: Found, asked: str, write: Write, known: Known, position: str
    ) -> None:
        parts = ASKED.get(asked, ("eventual",))
        headers = {"X-Min-Position": position} if "position" in parts else {}
        headers |= {"X-Consistency": "eventual"} if "eventual" in parts else {}
        read = self._chance.choice(READS)
        path = read_path(read, self._writer.user, known)
        began = time.perf_counter()
        answer = await self._chance.choice(self._queries).ask("GET", path, headers=headers)
        found.seconds[asked].append(time.perf_counter() - began)
        if answer.status == 503:
            found.refused[asked] += 1
            return
        found.reads[read] += 1
        if not shows(read, answer, known):
            found.missed[asked] += 1
            if asked != EVENTUAL:
                found.misses.append(_miss(asked, write, path, answer))


def _miss(asked: str, write: Write, path: str, answer: Told) -> str:
    return (
        f"{write.kind} {write.path}, then {path} ({asked}): {answer.status} {answer.body[:300]!r}"
    )


async def _run(clients: list[Client], pairs: int) -> Found:
    found = Found(defaultdict(list), Counter(), Counter(), Counter(), Counter(), [])
    numbers = iter(range(pairs))  # shared: whoever is quick does more
    progress = asyncio.create_task(_progress(found, pairs))
    try:
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(client.run(numbers, found))
    finally:
        progress.cancel()
        with suppress(asyncio.CancelledError):
            await progress
    return found


async def _progress(found: Found, pairs: int) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(5)
        rate = found.pairs / (time.monotonic() - began)
        left = (pairs - found.pairs) / rate if rate else 0
        missed = len(found.misses)
        tell(
            f"  {found.pairs:,}/{pairs:,} pairs, {missed} missed, {rate:,.0f}/s, {left:,.0f} s left"
        )


def _waits(queries: list[Process]) -> dict[float, float]:
    """How many reads have waited at most so many seconds: of all query processes, from `/metrics`."""
    counts: defaultdict[float, float] = defaultdict(float)
    for at in queries:
        text = httpx.get(f"http://127.0.0.1:{at.port}/metrics", timeout=10).text
        for line in text.splitlines():
            if line.startswith(f"{WAIT}_bucket"):
                bound, _, count = line.partition('le="')[2].partition('"} ')
                counts[float(bound)] += float(count)
    return counts


def _quantile(counts: dict[float, float], share: float) -> str:
    """The bucket's bound in ms: the wait is at most that."""
    total = counts[float("inf")]
    bound = next(bound for bound, count in sorted(counts.items()) if count >= share * total)
    return "0" if bound == 0 else f"≤ {bound * 1_000:g}"


def _milliseconds(seconds: list[float], share: float) -> str:
    ordered = sorted(seconds)
    return f"{ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1_000:.1f}"


def _report(found: Found, waits: dict[float, float]) -> None:
    rows: list[list[str]] = []
    for asked in (*ASKED, EVENTUAL):
        seconds = found.seconds[asked]
        if seconds:
            counts = [f"{n:,}" for n in (len(seconds), found.missed[asked], found.refused[asked])]
            times = [_milliseconds(seconds, share) for share in (0.5, 0.99, 1)]
            rows.append([asked, *counts, *times])
    table(["a read that asks", "reads", "missed", "503", "p50, ms", "p99, ms", "max, ms"], rows)
    within = waits[0.02] / waits[float("inf")]
    print(
        f"What consistency adds, as the query processes measured it: p50 {_quantile(waits, 0.5)} ms,"
        f" p99 {_quantile(waits, 0.99)} ms; {within:.2%} waited at most 20 ms.\n"
    )
    print(f"Writes: {_listed(found.writes)}. Reads: {_listed(found.reads)}.\n")


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common())


def measure(pairs: int, clients: int, seed: int) -> tuple[Found, dict[float, float]]:
    """Everything started, all pairs done: what was found, and how long reads waited."""
    with ExitStack() as stack:
        postgres, bus = stack.enter_context(server()), stack.enter_context(nats())
        key = make_key(postgres)

        def start(name: str) -> Process:
            settings: dict[str, Any] = {"VERBATIM_NATS_URL": bus.nats_url}
            return stack.enter_context(process(name, postgres, **settings))

        for follower in ("projections", "relay"):
            start(follower)
        commands, queries = ([start(name) for _ in range(2)] for name in ("command", "query"))
        crowd = [Client(number, commands, queries, key, seed) for number in range(clients)]
        before = _waits(queries)
        found = uvloop.run(_run(crowd, pairs))
        after = _waits(queries)
    return found, {bound: after[bound] - before[bound] for bound in after}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, help="default 100000")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="3,000 pairs; marked as such")
    parser.add_argument("--json", action="store_true", help="only the counts, for machines")
    given = parser.parse_args()
    pairs: int = given.pairs or (3_000 if given.short else 100_000)
    began = time.monotonic()
    found, waits = measure(pairs, given.clients, given.seed)
    took = time.monotonic() - began
    if given.json:
        told = {"pairs": found.pairs, "missed": found.misses}
        counts = {"writes": found.writes, "reads": found.reads, "refused": found.refused}
        print(msgspec.json.encode(told | counts).decode())
    else:
        short = " **short**" if pairs < 100_000 else ""
        print(f"`python -m bench.consistency`{short}: {machine()}, seed {given.seed}\n")
        _report(found, waits)
        print(
            f"{found.pairs:,} pairs by {given.clients} clients in {took:.0f} s:"
            f" {len(found.misses):,} missed."
        )
    for miss in found.misses[:10]:
        tell(f"missed: {miss}")
    return 1 if found.misses else 0


if __name__ == "__main__":
    sys.exit(main())
