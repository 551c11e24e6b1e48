"""Follows the log from a position on: pages in order, by polling; hints make the polling prompt."""

from collections.abc import Iterator
from typing import Any

import psycopg

from eventstore.appends import StoredRow
from eventstore.connect import Connection, connect
from eventstore.hint import CHANNEL
from eventstore.queries import query

POLL = 1.0
"""Seconds after which a follower looks by itself: what a silent listener costs at most."""

STATEMENT = 50_000
"""Events that one statement of a replay reads."""


class Follower:
    """Reads pages of the log; never skips, since a position once passed has nothing left below it."""

    def __init__(
        self, dsn: str, *, page: int = 1_000, connection: Connection | None = None
    ) -> None:
        """On a connection of its own that hears hints, or on the caller's, which does not."""
        self._page = page
        self._log_page = query("log_page")
        if connection is None:
            connection = connect(dsn, name="follower")
            try:
                connection.execute(f"LISTEN {CHANNEL}")
            except psycopg.Error:
                connection.close()
                raise
        self._connection = connection

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

    def replay(self, after: int, upto: int | None = None) -> Iterator[list[StoredRow]]:
        """Pages from a position to another, both known to be there or the head of now: the fast way.

        The server sends on while a page is worked on. A statement ends after `STATEMENT` events, so that
        none holds its snapshot for long; the connection serves nothing else until the iterator ends.
        """
        end = self.head() if upto is None else min(upto, self.head())
        while after < end:
            values = {"after": after, "upto": end, "limit": STATEMENT}
            page: list[StoredRow] = []
            cursor = self._connection.cursor(binary=True)
            for row in cursor.stream(self._log_page, values, size=self._page):
                page.append(StoredRow(*row))
                if len(page) == self._page:
                    yield page
                    page = []
            if page:
                yield page
            after += STATEMENT  # positions have no gaps

    def wait(self, timeout: float = POLL) -> bool:
        """Until a hint comes or `timeout` seconds have passed; whether one came."""
        # What came along with a page lies in the library's buffer, and no socket tells of it.
        hinted = False
        while self._connection.pgconn.notifies() is not None:
            hinted = True
        hints = self._connection.notifies(timeout=0 if hinted else timeout, stop_after=1)
        # To the end: what came while pages were read is one hint, not one each.
        return sum(1 for _ in hints) > 0 or hinted

    def fileno(self) -> int:
        """For select: readable when a hint may have come."""
        return self._connection.fileno()

    def close(self) -> None:
        self._connection.close()


def log_page(
    connection: Connection, statement: bytes, after: int, upto: int | None, limit: int
) -> list[StoredRow]:
    values: dict[str, Any] = {
        "after": after,
        "upto": 2**62 if upto is None else upto,
        "limit": limit,
    }
    cursor = connection.cursor(binary=True)
    rows = cursor.execute(statement, values, prepare=True).fetchall()
    return [StoredRow(*row) for row in rows]
