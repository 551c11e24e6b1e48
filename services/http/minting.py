"""The clock and the source of ids: the one place where a service reads either."""

import os
import time
from datetime import UTC, datetime

from domain.ids import uuid7_hex


class Minter:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def hex_id(self) -> str:
        """32 hex digits, ordered by time."""
        return uuid7_hex(time.time_ns() // 1_000_000, os.urandom(10))
