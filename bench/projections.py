"""Read models: events a second caught up, rebuilt and verified, and how far behind they are live.

`python -m bench.projections [--short]`. A log as the search benchmark's. `--poison` is the live part alone, and in its middle
comes an event that no read model can take in. Markdown on standard output, progress on standard error.
"""

import argparse
import asyncio
import random
import threading
import time
from collections.abc import Callable
from itertools import islice

import psycopg
import uvloop

from bench.search_data import Language, events
from bench.search_speed import quantiles
from bench.support import machine, server, table, tell
from deploy.embedded.postgres import EmbeddedPostgres
from domain.codec import Codec
from domain.envelope import Recorded
from domain.events import MessageAppended
from eventstore.appends import Append, NewEvent
from eventstore.connect import Connection, connect
from eventstore.follower import Follower
from eventstore.writer import GroupCommitWriter
from projections.leading import unled
from projections.parking import parked_from
from projections.rebuild import rebuild
from projections.registry import GROUPS, NAMES
from projections.runner import Runner
from projections.verify import verify

PAGE = 2_000
RATE = 500
"""Appends a second, live."""
PATIENCE = 60.0
CODEC = Codec()
POISON = NewEvent(
    "bench:ill",
    1,
    "MessageTeleported.1",
    b'{"id":"e","at":"2026-01-01T00:00:00Z","cmd":"c","by":"k","data":{}}',
)
"""Of a kind that no program knows."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="10,000 events; marked as such")
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--poison", action="store_true", help="the live part, with a poison event")
    given = parser.parse_args()
    count = 10_000 if given.short else given.events
    seconds = 3 if given.short else 15
    print(f"`python -m bench.projections`{' **short**' if given.short else ''}: {machine()}\n")
    wanted = count + RATE * seconds
    made = list(islice(events(Language(random.Random(7)), wanted), wanted))
    if given.poison:
        with server() as postgres:
            _live(postgres, made[: RATE * seconds], poisoned=True)
        return
    with server() as postgres:
        tell(f"appending {count:,} events")
        uvloop.run(_append(postgres.database_url, made[:count]))
        rows = _caught_up(postgres.database_url, count)
        for name in NAMES:
            rows += _again(postgres.database_url, name, count)
        print(f"{count:,} events of about 200 characters, pages of {PAGE:,}.\n")
        table(["", "events a second"], rows)
        _live(postgres, made[count:])


async def _append(dsn: str, made: list[Recorded]) -> None:
    writer = GroupCommitWriter(dsn)
    await writer.start()
    for start in range(0, len(made), 500):
        part = made[start : start + 500]
        await writer.append(Append(part[0].meta.command_id, tuple(map(_new, part))))
    await writer.stop()


def _new(one: Recorded) -> NewEvent:
    message = one.event.message_id if isinstance(one.event, MessageAppended) else None
    topic, state = CODEC.encode(one.meta, one.event)
    return NewEvent(one.stream, one.version, topic, state, message)


def _caught_up(dsn: str, count: int) -> list[list[str]]:
    rows: list[list[str]] = []
    for group in GROUPS:
        follower = Follower(dsn, page=PAGE)
        runner = Runner(dsn, group, page=PAGE, stop=threading.Event())
        runner.prepare(follower)
        started = time.perf_counter()
        while runner.step(follower):
            pass
        rate = count / (time.perf_counter() - started)
        follower.close()
        rows.append([f"catching up: {', '.join(group.names)}", f"{rate:,.0f}"])
        tell(f"  {rows[-1]}")
    return rows


def _again(dsn: str, name: str, count: int) -> list[list[str]]:
    def quietly(model: str, position: int, upto: int) -> None:
        del model, position, upto

    runs: dict[str, Callable[[], object]] = {
        "rebuild": lambda: rebuild(dsn, name, page=PAGE, tell=quietly, afresh=True),
        "verify": lambda: verify(dsn, name, page=PAGE, tell=quietly),
    }
    rows: list[list[str]] = []
    for what, run in runs.items():
        started = time.perf_counter()
        found = run()
        assert not getattr(found, "differences", None), found
        rows.append([f"{what}: {name}", f"{count / (time.perf_counter() - started):,.0f}"])
        tell(f"  {rows[-1]}")
    return rows


def _live(postgres: EmbeddedPostgres, made: list[Recorded], *, poisoned: bool = False) -> None:
    """Every append is asked after until each group has it."""
    dsn, stop = postgres.database_url, threading.Event()
    runners = [Runner(dsn, group, page=1_000, stop=stop) for group in GROUPS]
    threads = [threading.Thread(target=runner.run) for runner in runners]
    for thread in threads:
        thread.start()
    _until(dsn, lambda connection: not unled(connection), "no runner for some group")
    appended: dict[int, float] = {}
    behind: dict[str, list[float]] = {group.name: [] for group in GROUPS}
    watcher = threading.Thread(target=_watch, args=(dsn, appended, behind, stop))
    watcher.start()
    tell(f"{RATE} appends a second, {len(made):,} in all")
    poison = asyncio.run(_paced(dsn, made, appended, poisoned=poisoned))
    _until(
        dsn,
        lambda _: all(len(found) == len(made) for found in behind.values()),
        "not all was taken in",
    )
    stop.set()
    for thread in [*threads, watcher]:
        thread.join()
    print(
        f"Live, {RATE} appends a second: from the answer to an append until a read sees it, ms.\n"
    )
    table(["group", "p50 / p95", "most"], [[name, quantiles(found), f"{max(found):.0f}"] for name, found in behind.items()])  # fmt: skip
    if poison is not None:
        after = sum(position > poison for position in appended)
        print(f"Of those, behind the poison event (position {poison:,}), {after:,} appends:\n")
        with connect(dsn, name="bench") as connection:
            parked = {name: list(parked_from(connection, name)) for name in NAMES}
        table(
            ["group", "p50 / p95", "most"],
            [
                [name, quantiles(found[-after:]), f"{max(found[-after:]):.0f}"]
                for name, found in behind.items()
            ],
        )
        print(f"Parked: {parked}.")
        assert all(streams == [POISON.stream] for streams in parked.values()), parked


def _until(dsn: str, holds: Callable[[Connection], bool], complaint: str) -> None:
    """Asked again and again, for a minute at most."""
    deadline = time.monotonic() + PATIENCE
    with connect(dsn, name="bench") as connection:
        while not holds(connection):
            assert time.monotonic() < deadline, complaint
            time.sleep(0.02)


async def _paced(
    dsn: str, made: list[Recorded], appended: dict[int, float], *, poisoned: bool
) -> int | None:
    """Where the poison event is, if there is one."""
    poison = None
    writer = GroupCommitWriter(dsn)
    await writer.start()
    started = time.perf_counter()
    for number, one in enumerate(made):
        await asyncio.sleep(started + number / RATE - time.perf_counter())
        if poisoned and number == len(made) // 2:
            poison = (await writer.append(Append("poison", (POISON,)))).last_position
        done = await writer.append(Append(one.meta.command_id, (_new(one),)))
        appended[done.last_position] = time.perf_counter()
    await writer.stop()
    return poison


def _watch(
    dsn: str, appended: dict[int, float], behind: dict[str, list[float]], stop: threading.Event
) -> None:
    """Looks at the checkpoints again and again; an append was seen when it was looked at."""
    seen = dict.fromkeys(behind, 0)
    names = {group.name: group.names for group in GROUPS}
    with psycopg.connect(dsn, autocommit=True) as connection:
        while not stop.wait(0.002):
            at = time.perf_counter()
            known = list(appended)
            for group, models in names.items():
                [row] = connection.execute(
                    "SELECT coalesce(min(position), 0) FROM readmodels.tracking WHERE name = ANY (%s)",
                    [models],
                ).fetchall()
                fresh = [position for position in known if seen[group] < position <= row[0]]
                behind[group] += [max(0.0, at - appended[position]) * 1_000 for position in fresh]
                seen[group] = max([seen[group], *fresh])


if __name__ == "__main__":
    main()
