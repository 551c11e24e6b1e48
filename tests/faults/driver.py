"""One run: clients at work, one fault, healing, the checker."""

import random
import time
from dataclasses import dataclass
from itertools import pairwise

from tests.faults.checker import catch_up, faults_of
from tests.faults.clients import MIX, Clients, Mix
from tests.faults.faults import FAULTS
from tests.faults.history import History
from tests.faults.rig import Rig
from tests.faults.strike import Fault, Strike
from tests.running import wait_until


@dataclass(frozen=True)
class Report:
    """Of one run; `broken` are the promises that did not hold."""

    fault: str
    seed: int
    happened: str
    acknowledged: int
    refused: int
    unknown: int
    reads: int
    position: int
    broken: list[str]
    took: float
    silence: float
    """The longest time in which no client was told that its write is durable, in seconds."""


def run(
    rig: Rig,
    fault: str,
    seed: int,
    seconds: float,
    strike: Fault | None = None,
    *,
    mix: Mix = MIX,
    rows: bool = True,
) -> Report:
    """`seconds` is how long the fault lasts; clients are at work before and after it, too. `rows`: as `faults_of`."""
    began = time.monotonic()
    chance = random.Random(f"{fault}-{seed}")
    name = f"{''.join(c for c in fault if c.isalnum())}_{seed}_{chance.randrange(10**6)}"
    with Clients(rig, seed, name, mix) as clients:
        wait_until(lambda: clients.acknowledged >= 10, 60)
        happened = (strike or FAULTS[fault])(Strike(rig, clients, chance, seconds))
        goal = clients.acknowledged + 10
        wait_until(
            lambda: clients.acknowledged >= goal, 120, lambda: "no write is acknowledged again"
        )
    position = catch_up(rig)
    history = clients.history
    outcomes = [write.outcome for write in history.writes]
    return Report(
        fault=fault,
        seed=seed,
        happened=happened,
        acknowledged=outcomes.count("acknowledged"),
        refused=outcomes.count("refused"),
        unknown=outcomes.count("unknown"),
        reads=len(history.reads),
        position=position,
        broken=faults_of(rig, history, rows=rows),
        took=time.monotonic() - began,
        silence=_silence(history),
    )


def _silence(history: History) -> float:
    ends = sorted(write.ended for write in history.writes if write.outcome == "acknowledged")
    return max((after - before for before, after in pairwise(ends)), default=0.0)
