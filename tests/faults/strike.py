"""What a fault is."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

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


def patient(http: httpx.Client, method: str, url: str, body: Any = None) -> httpx.Response:
    """The answer; a 503 with Retry-After, which a fault before this one may have left, is asked again for a time."""
    deadline = time.monotonic() + 30
    while True:
        answer = http.request(method, url, json=body)
        refused = answer.status_code == 503 and "retry-after" in answer.headers
        if not refused or time.monotonic() > deadline:
            return answer
        time.sleep(0.1)


def state_of(pid: int) -> str:
    """Of a process, as `ps` shows it."""
    return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(") ")[2][:1]
