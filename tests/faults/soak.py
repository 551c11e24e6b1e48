"""`python -m tests.faults.soak [--writes 1000000] [--seed K]`: one deployment, so many writes, one fault after the other.

A write is a message whose append was acknowledged. Faults come by seed until there are enough, while a follower reads the
log from zero; then all is healed and the checker of `python -m tests.faults` looks at the whole. Progress on standard error.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from subprocess import SubprocessError

import httpx
import psycopg

from bench.support import machine, table, tell
from eventstore.follower import Follower
from tests.faults.checker import catch_up, faults_of_followers, faults_of_log
from tests.faults.clients import Clients, Mix
from tests.faults.faults import FAULTS
from tests.faults.history import History
from tests.faults.proxy import FaultProxy
from tests.faults.rig import Rig, address, memory_of, rig, through
from tests.faults.strike import Strike
from tests.faults.watching import Watching
from tests.running import wait_until

MIX = Mix(clients=8, conversations=200, sizes=(1, 10, 100, 100, 100), reads=0.15, pins=0.02)
EVERY = 5_000
"""Writes between two faults, at least: processes that start take more of the machine than writes do."""
STRIKING = (
    "kill -9 command",
    "kill -9 query",
    "kill -9 projections",
    "kill -9 relay",
    "kill -9 compaction",
    "kill -9 PostgreSQL",
    "kill -9 NATS",
    "freeze command",
    "freeze projections",
    "freeze PostgreSQL",
    "freeze NATS",
    "end backends",
    "drop",
    "hang",
    "delay",
    "reset",
    "swallow",
    "two relays",
    "long transaction",
    "stop command",
    "stop query",
)
LONG = 3_600.0
"""Seconds at most for what takes long on a busy machine, as the followers, which a soak leaves far behind."""
SETTINGS = {"VERBATIM_COMPACTION_TRIGGER_TOKENS": "20000"}


@dataclass
class Soak:
    """What came of one."""

    faults: Counter[str] = field(default_factory=Counter[str])
    history: History = field(default_factory=History)
    messages: int = 0
    """Acknowledged."""
    position: int = 0
    breaks: int = 0
    """Connections of the follower that ended."""
    silence: float = 0.0
    broken: list[str] = field(default_factory=list[str])
    took: float = 0.0


def soak(
    made: Rig,
    writes: int,
    seed: int,
    seconds: float,
    striking: tuple[str, ...] = STRIKING,
    mix: Mix = MIX,
    every: int = EVERY,
    most_seconds: float = float("inf"),
    say: Callable[[str], None] = tell,
) -> Soak:
    """`seconds` is how long each fault lasts. Every one of `striking` strikes, in an order of the seed's, again and again.

    After `most_seconds` it is checked what was written until then.
    """
    came = Soak()
    began = time.monotonic()
    chance = random.Random(f"soak-{seed}")
    due: list[str] = []
    dsn = made.database.service
    with (
        FaultProxy(address(dsn)) as proxy,
        Watching(through(dsn, proxy)) as watching,
    ):
        with Clients(made, seed, f"soak{seed}", mix) as clients:
            came.history = clients.history
            while len(came.faults) < len(striking) or (
                clients.messages < writes and time.monotonic() - began < most_seconds
            ):
                due = due or chance.sample(striking, len(striking))
                fault = due.pop()
                happened = FAULTS[fault](Strike(made, clients, chance, seconds))
                came.faults[fault] += 1
                proxy.cut(reset=chance.random() < 0.5)
                before = clients.acknowledged, clients.messages
                wait_until(
                    lambda before=before: clients.acknowledged >= before[0] + 20,
                    120,
                    lambda fault=fault: f"no write is acknowledged again after {fault}",
                )
                wait_until(
                    lambda before=before: (
                        clients.messages >= min(writes, before[1] + every)
                        or time.monotonic() - began > most_seconds
                    ),
                    LONG,
                )
                took = time.monotonic() - began
                say(
                    f"[{clients.messages:,}/{writes:,}, {clients.messages / took:,.0f}/s, {took:.0f} s]"
                    f" {sum(came.faults.values())}: {happened}; the follower is at {watching.seen.position:,}"
                )
        came.messages = clients.messages
        made.wait_all()
        say("all is healed; checking the log")
        with closing(Follower(dsn)) as follower:
            came.position = follower.head()
        watching.wait(came.position)
        came.breaks = watching.breaks
    came.broken += watching.seen.faults(dsn)
    came.broken += faults_of_log(made, came.history)
    say(
        f"the log up to position {came.position:,}: {len(came.broken)} broken; waiting for the followers"
    )
    catch_up(made, LONG)
    say("checking them")
    came.broken += faults_of_followers(made)
    ends = sorted(w.ended for w in came.history.writes if w.outcome == "acknowledged")
    came.silence = max((after - before for before, after in pairwise(ends)), default=0.0)
    came.took = time.monotonic() - began
    return came


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--writes", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="how long each fault lasts")
    parser.add_argument("--every", type=int, default=EVERY, help="writes between two faults")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="check what was written until then"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="verbatim-soak-") as path:
        Path(path).chmod(0o755)
        with rig(Path(path), **SETTINGS) as made:
            try:
                came = soak(
                    made,
                    given.writes,
                    given.seed,
                    given.seconds,
                    every=given.every,
                    most_seconds=given.minutes * 60,
                )
            except (
                AssertionError,
                OSError,
                SubprocessError,
                httpx.HTTPError,
                psycopg.Error,
            ) as error:
                print(f"BROKEN: did not come to its end: {type(error).__name__}: {error}")
                return 1
            held = memory_of(made)
    for one in came.broken[:20]:
        print(f"BROKEN {one[:2_000]}")
    print(f"`python -m tests.faults.soak {' '.join(sys.argv[1:])}`: {machine()}\n")
    outcomes = Counter[str]()
    for write in came.history.writes:
        outcomes[write.outcome] += write.size
    figures = {
        "acknowledged writes (messages)": came.messages,
        "requests that had them": sum(w.outcome == "acknowledged" for w in came.history.writes),
        "messages of unknown outcome, of refused requests": outcomes["unknown"]
        + outcomes["refused"],
        "reads": len(came.history.reads),
        "positions of the log, each seen once by the follower from zero": came.position,
        "the follower's connections that ended": came.breaks,
        "faults": sum(came.faults.values()),
        "promises broken": len(came.broken),
    }
    table(["", ""], [[name, f"{count:,}"] for name, count in figures.items()])
    table(["fault", "times"], [[name, str(count)] for name, count in sorted(came.faults.items())])
    sizes = ", ".join(f"{name} {size:.0f}" for name, size in held.items())
    print(
        f"Longest silence {came.silence:.1f} s. MiB at the end: {sizes}. {came.took / 60:.0f} minutes."
    )
    return 1 if came.broken else 0


if __name__ == "__main__":
    sys.exit(main())
