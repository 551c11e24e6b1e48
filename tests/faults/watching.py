"""A follower that reads the log from its beginning while it is written, across whatever happens."""

import threading
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Self
from zlib import crc32

import psycopg

from eventstore.appends import StoredRow
from eventstore.follower import Follower
from tests.running import wait_until


class Seen:
    """What a follower was shown: every position must come once, in order."""

    def __init__(self) -> None:
        self.position = 0
        self.skipped: list[str] = []
        self.digest = 0

    def take(self, page: Sequence[StoredRow]) -> None:
        for row in page:
            if row.position != self.position + 1 and len(self.skipped) < 100:
                self.skipped.append(f"after position {self.position} came {row.position}")
            self.position = row.position
            place = f"{row.position} {row.stream} {row.version}".encode()
            self.digest = crc32(bytes(row.state), crc32(place, self.digest))

    def faults(self, dsn: str) -> list[str]:
        """What was skipped or came twice, or is unlike the log as it is now, read from zero once more."""
        again = Seen()
        with closing(Follower(dsn)) as follower:
            for page in follower.replay(0, self.position):
                again.take(page)
        same = (again.position, again.digest) == (self.position, self.digest)
        return self.skipped + ([] if same else ["the follower saw another log than there is now"])


class Watching:
    """While it is entered, it follows, on a new connection where one breaks."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.seen = Seen()
        self.breaks = 0
        """Connections that ended."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait(self, head: int) -> None:
        """Until it has seen a position."""
        seen = self.seen
        wait_until(lambda: seen.position >= head, 300, lambda: f"at {seen.position} of {head}")

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with closing(Follower(self._dsn)) as follower:
                    while not self._stop.is_set():
                        self.seen.take(page := follower.read(self.seen.position))
                        if not page:
                            follower.wait()
            except psycopg.Error:
                self.breaks += 1
                time.sleep(0.05)
