"""The clock and the source of ids: the one place where a service reads either."""

import os
import time
from collections import deque
from datetime import UTC, datetime

from domain.ids import ENTROPY, uuid7_hex

AHEAD = 256
"""Ids whose random bytes are fetched at once: a call of the system for each is half of an id's time (measured)."""


class Minter:
    """Safe to share between threads."""

    def __init__(self) -> None:
        self._entropy: deque[bytes] = deque()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def hex_id(self) -> str:
        """32 hex digits, ordered by time."""
        while True:
            try:
                entropy = self._entropy.popleft()
            except IndexError:  # another thread may empty it again
                fetched = os.urandom(AHEAD * ENTROPY)
                self._entropy.extend(
                    fetched[start : start + ENTROPY] for start in range(0, len(fetched), ENTROPY)
                )
            else:
                return uuid7_hex(time.time_ns() // 1_000_000, entropy)
