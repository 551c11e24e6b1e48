"""The fifteen invariants over many random lives: `python -m tests.domain.compaction.full [LIVES] [FIRST]`.

Prints one line; a broken invariant ends it with the seed that shows it.
"""

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.domain.compaction.checking import Broken
from tests.domain.compaction.invariants import INVARIANTS, live_through
from tests.domain.compaction.world import World

CHUNK = 50


def lives(first: int) -> str | None:
    for seed in range(first, first + CHUNK):
        try:
            live_through(World(seed))
        except Broken as broken:
            return f"seed {seed}: {broken}"
    return None


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    start = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    began = time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(lives, range(start, start + count, CHUNK)):
            if found is not None:
                pool.shutdown(cancel_futures=True)
                sys.exit(f"broken: {found}")
    seconds = time.monotonic() - began
    print(f"{len(INVARIANTS)} invariants held over {count:,} lives in {seconds:,.0f} s")


if __name__ == "__main__":
    main()
