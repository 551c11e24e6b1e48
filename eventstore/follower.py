"""Follows the log from a position on: pages in order, by polling; hints make the polling prompt."""

import time
from typing import Any

from eventstore.appends import StoredRow
from eventstore.connect import Connection, connect
from eventstore.hint import CHANNEL
from eventstore.queries import query

POLL = 1.0
"""Seconds after which a follower looks by itself: what a silent listener costs at most."""


class Follower:
    """Reads pages of the log; never skips, since a position once passed has nothing left below it."""

    def __init__(self, dsn: str, *, page: int = 1_000) -> None:
        self._page = page
        self._connection = connect(dsn, name="follower")
        self._connection.execute(f"LISTEN {CHANNEL}")
        self._log_page = query("log_page")

    @property
    def connection(self) -> Connection:
        """For the follower's owner to read with; never inside a transaction across `wait`."""
        return self._connection

    def head(self) -> int:
        row = self._connection.execute("SELECT position FROM head").fetchone()
        return int(row[0]) if row else 0

    def read(self, after: int, upto: int | None = None) -> list[StoredRow]:
        """The next page after a position, at most up to another; empty where there is nothing yet."""
        return log_page(self._connection, self._log_page, after, upto, self._page)

    def wait(self, timeout: float = POLL) -> None:
        """Until a hint comes or `timeout` seconds have passed."""
        deadline = time.monotonic() + timeout
        for _ in self._connection.notifies(
            timeout=max(0.0, deadline - time.monotonic()), stop_after=1
        ):
            return

    def fileno(self) -> int:
        """For select: readable when a hint may have come."""
        return self._connection.fileno()

    def close(self) -> None:
        self._connection.close()


def log_page(
    connection: Connection, statement: bytes, after: int, upto: int | None, limit: int
) -> list[StoredRow]:
    values: dict[str, Any] = {"after": after, "upto": upto or 2**62, "limit": limit}
    cursor = connection.cursor(binary=True)
    rows = cursor.execute(statement, values, prepare=True).fetchall()
    return [StoredRow(*row) for row in rows]
