"""The service over HTTP, side by side with what bounds it: `python -m bench.http [--short] [--only PART]`.

Markdown on standard output, progress on standard error. Keep-alive, the same body and client for all;
durable, with idempotency key, message-id index and token count.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack

from bench import http_reads, http_writes
from bench.support import Effort, machine, server, tell
from deploy.embedded.postgres import EmbeddedPostgres

PARTS: dict[str, Callable[[EmbeddedPostgres, Effort], None]] = {
    "appends": http_writes.side_by_side,
    "open": http_writes.at_a_fixed_rate,
    "two": http_writes.two_processes,
    "long": http_writes.long_conversations,
    "reads": http_reads.both_ways,
    "memory": http_writes.memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few minutes; marked as such")
    parser.add_argument("--seconds", type=float, help="of each contestant in each round")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", choices=list(PARTS), action="append", help="may be repeated")
    given = parser.parse_args()
    effort = Effort(
        seconds=given.seconds or (1.0 if given.short else 2.0),
        rounds=given.rounds or (3 if given.short else 5),
        requests=100_000 if given.short else 1_000_000,
    )
    started = time.monotonic()
    print(f"`python -m bench.http`{' **short**' if given.short else ''}: {machine()}\n")
    for part in given.only or PARTS:
        tell(part)
        with ExitStack() as stack:
            PARTS[part](stack.enter_context(server()), effort)
    print(f"The whole run took {(time.monotonic() - started) / 60:.0f} minutes.")


if __name__ == "__main__":
    main()
