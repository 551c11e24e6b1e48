"""The faults. Each strikes once while clients are at work, heals what it broke, and proves that it happened."""

from pathlib import Path

from tests.faults.caller_faults import compactions, compactions_and_deletions, deletions, hang_ups
from tests.faults.deliveries import redelivered
from tests.faults.disk import disk_full
from tests.faults.endings import gateway_stopped, postgres_silent, stopped
from tests.faults.nats_faults import nats_frozen, nats_killed, nats_store_lost
from tests.faults.postgres_faults import (
    backends_ended,
    connections_exhausted,
    long_transaction,
    network,
    postgres_frozen,
    postgres_killed,
    reset,
    swallowed,
)
from tests.faults.process_faults import FAKETIME, clock_set_back, frozen, killed, two_relays
from tests.faults.rig import COMMANDS, FOLLOWERS, QUERIES
from tests.faults.strike import Fault

FULL_DISK = "full disk"
"""It needs a rig whose PostgreSQL has a small disk of its own."""

FAULTS: dict[str, Fault] = {
    "kill -9 command": killed(COMMANDS),
    "kill -9 query": killed(QUERIES),
    "kill -9 projections": killed(("projections",)),
    "kill -9 relay": killed(("relay",)),
    "kill -9 compaction": killed(("compaction",)),
    "kill -9 PostgreSQL": postgres_killed,
    "kill -9 NATS": nats_killed,
    "freeze command": frozen(COMMANDS),
    "freeze query": frozen(QUERIES),
    "freeze projections": frozen(("projections",)),
    "freeze relay": frozen(("relay",)),
    "freeze compaction": frozen(("compaction",)),
    "freeze PostgreSQL": postgres_frozen,
    "freeze NATS": nats_frozen,
    "delete NATS' store": nats_store_lost,
    "end backends": backends_ended,
    "drop": network("drop", (*COMMANDS, *QUERIES, *FOLLOWERS)),
    "hang": network("hang", (*COMMANDS, *QUERIES, "projections")),
    "delay": network("delay", (*COMMANDS, *QUERIES, "projections")),
    "reset": reset,
    "swallow": swallowed,
    "exhaust connections": connections_exhausted,
    "hang up": hang_ups,
    "long transaction": long_transaction,
    "two relays": two_relays,
    "compact": compactions,
    "delete": deletions,
    "compact and delete": compactions_and_deletions,
    "clock set back": clock_set_back,
    "stop command": stopped(COMMANDS),
    "stop query": stopped(QUERIES),
    "stop projections": stopped(("projections",)),
    "stop relay": stopped(("relay",)),
    "stop compaction": stopped(("compaction",)),
    "stop gateway": gateway_stopped,
    "silent PostgreSQL": postgres_silent,
    "redeliver": redelivered,
    FULL_DISK: disk_full,
}

NEEDS: dict[str, tuple[Path, str]] = {"clock set back": (FAKETIME, "apt-get install faketime")}
"""Where a fault needs what may be missing: the file, and how to get it."""


def missing(fault: str) -> str | None:
    """What this fault needs and is not there, and how to get it."""
    needed = NEEDS.get(fault)
    if needed is None or needed[0].exists():
        return None
    return f"{needed[0]} is not there: {needed[1]}"
