"""What a fault is."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.clients import Clients
from tests.faults.rig import Rig


@dataclass(frozen=True)
class Strike:
    """What a fault is given."""

    rig: Rig
    clients: Clients
    chance: random.Random
    seconds: float
    """How long it lasts."""

    def last(self) -> None:
        time.sleep(self.seconds)

    def one_of(self, names: tuple[str, ...]) -> str:
        return self.chance.choice(names)


Fault = Callable[[Strike], str]
"""Strikes and heals; says what happened. AssertionError where it did not."""


def state_of(pid: int) -> str:
    """Of a process, as `ps` shows it."""
    return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(") ")[2][:1]
