"""`python -m tests.hostile [--cases N] [--seed K]`: hostile input against real processes of every service.

Progress on standard error, the finding on standard output; the same seed sends the same requests.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.support import machine, table, tell
from services.http.connection import LOOK_SECONDS, PATIENCE_SECONDS
from tests.faults.rig import Rig, memory_of, rig
from tests.hostile.run import Target, attack
from tests.hostile.silences import Silences
from tests.services.gateway.model_server import model_server
from tests.services.support import ROOMS, new_key

MOST_MEMORY = 2.0
"""How many times what it took before the process may take afterwards, and 200 MiB more."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.monotonic()
    with running() as (made, target):
        silences = {name: Silences(target.place(name), target.keys[0]) for name in ROOMS}
        for each in silences.values():
            each.start()
        before = memory_of(made)
        found = attack(target, given.cases, given.seed, tell)
        left = max(0.0, PATIENCE_SECONDS + 3 * LOOK_SECONDS + 10 - (time.monotonic() - began))
        found.wrong += [f"{n}: hangs: {w}" for n, each in silences.items() for w in each.left(left)]
        after = memory_of(made)
    for name, size in after.items():
        if size > MOST_MEMORY * before[name] + 200:
            found.wrong.append(f"{name} grew from {before[name]:.0f} to {size:.0f} MiB")
    for wrong in found.wrong[:50]:
        print(f"WRONG {wrong}")
    again = f"python -m tests.hostile --cases {given.cases} --seed {given.seed}"
    print(f"`{again}`: {machine()}\n")
    rows = [[kind, f"{count:,}"] for kind, count in found.counts.items()]
    table(["cases", "number"], [*rows, ["all", f"{found.cases:,}"]])
    table(
        ["process", "MiB before", "MiB after"],
        [[name, f"{before[name]:.0f}", f"{after[name]:.0f}"] for name in after],
    )
    minutes = (time.monotonic() - began) / 60
    print(f"{minutes:.0f} minutes, {len(found.wrong)} wrong.")
    return 1 if found.wrong else 0


@contextmanager
def running() -> Iterator[tuple[Rig, Target]]:
    with ExitStack() as stack:
        models = stack.enter_context(model_server())
        path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="verbatim-hostile-")))
        path.chmod(0o755)
        names = (*ROOMS, "projections")
        settings = {"VERBATIM_UPSTREAM_BASE_URL": models.base_url, "VERBATIM_REFUSED_KEYS": "0"}
        made = stack.enter_context(rig(path, names=names, proxies=False, **settings))
        dsn = made.database.service
        keys = made.key, new_key(dsn, "rival", unlimited=True)
        yield made, Target({name: made.url(name) for name in ROOMS}, keys, dsn)


if __name__ == "__main__":
    sys.exit(main())
