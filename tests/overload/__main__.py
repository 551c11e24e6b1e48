"""`python -m tests.overload [--seconds S]`: what one command process bears, ten times as much, and how it recovers.

The load generator shares the machine with the process and PostgreSQL.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import httpx
import uvloop

from bench.support import machine, table, tell
from tests.faults.checker import gaps_of
from tests.faults.rig import Rig, memory_of, rig
from tests.overload.load import Clients, Load, lost
from tests.services.support import new_key

CLIENTS = 32
"""That wait for their answers, to find what the process bears."""
NORMAL, TIMES = 0.7, 10
NAME = "command-1"
STEPS = ("what it bears", "normal", "ten times", "one client", "normal again", "over a key's limit")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each step")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="verbatim-overload-") as path:
        Path(path).chmod(0o755)
        limits = {"VERBATIM_RATE_LIMIT_KEY": "60"}
        with rig(Path(path), names=(NAME,), proxies=False, **limits) as made:
            memory = [memory_of(made)[NAME]]
            loads = uvloop.run(run(made, given.seconds, memory))
            wrong = faults_of(made, loads)
    print(f"`python -m tests.overload --seconds {given.seconds:g}`: {machine()}\n")
    _table(loads, memory)
    normal, over = loads[1].slow(0.99, 201), loads[2].slow(0.99, 201)
    print(f"p99 of the accepted: {over / normal:.1f} times the normal one.")
    for one in wrong[:20]:
        print(f"WRONG {one}")
    return 1 if wrong else 0


async def run(made: Rig, seconds: float, memory: list[float]) -> list[Load]:
    """One load a step; `memory` is added to after each."""
    clients = Clients(made.url(NAME), made.key)
    await clients.prepare()
    loads = [await clients.at_once(CLIENTS, seconds)]
    bears = loads[0].accepted
    memory.append(memory_of(made)[NAME])
    for rate in (bears * NORMAL, bears * TIMES, 0, bears * NORMAL):
        made_of = clients.at_a_rate(rate, seconds) if rate else clients.at_once(1, seconds / 2)
        loads.append(await made_of)
        memory.append(memory_of(made)[NAME])
        tell(f"{rate:.0f} a second: {loads[-1].statuses()}")
    clients.close()
    limited = Clients(made.url(NAME), new_key(made.database.service, "acme"))
    loads.append(await limited.at_a_rate(bears * NORMAL, seconds))
    memory.append(memory_of(made)[NAME])
    limited.close()
    return loads


def faults_of(made: Rig, loads: list[Load]) -> list[str]:
    """What no overload excuses."""
    wrong = [*gaps_of(made.database.service), *lost(made.database.service, loads)]
    for load in loads:
        for one in load.outcomes:
            waits = one.status in (429, 503) and one.retry_after
            if one.status != 201 and not waits:
                wrong.append(f"{one}")
    wrong += [f"it is not over: {one}" for one in loads[3].of(503)[:3]]
    if not loads[2].of(503):
        wrong.append("nothing was refused: this was no overload")
    if not loads[5].of(429):
        wrong.append("the key's limit was not noticed")
    ready = httpx.get(f"{made.url(NAME)}/health/ready", trust_env=False)
    if ready.status_code != 200:
        wrong.append(f"not ready afterwards: {ready.text}")
    return wrong


def _table(loads: list[Load], memory: list[float]) -> None:
    rows = [
        [
            step,
            f"{load.offered:,.0f}",
            f"{load.accepted:,.0f}",
            f"{load.slow(0.5, 201):,.0f}",
            f"{load.slow(0.99, 201):,.0f}",
            f"{len(load.of(429, 503)):,}",
            f"{load.slow(0.5, 429, 503):,.0f}",
            f"{load.slow(0.99, 429, 503):,.0f}",
            f"{len(load.of(None)):,}",
            f"{size:,.0f}",
        ]
        for step, load, size in zip(STEPS, loads, memory[1:], strict=True)
    ]
    header = "step, offered/s, accepted/s, p50 ms, p99 ms, refused, p50 ms, p99 ms, no answer, MiB"
    table(header.split(", "), rows)


if __name__ == "__main__":
    sys.exit(main())
