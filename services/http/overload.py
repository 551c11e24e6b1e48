"""Overload is refused, not suffered: a process begins no more requests than it can answer soon.

When more come than it can answer, each waits for those before it, at the event loop, at a conversation, at the database.
Answered late, they are of no use to clients that have given up, and later ones wait longer still. What is refused was not
begun, and its client knows so.
"""

LATE_SECONDS = 0.25
"""What a request may wait for its turn at the event loop."""
SHARE = 0.1
"""Of the newest request in what is usual: a hiccup that meets a few requests refuses none of them."""
FEWEST = 64
"""Requests that may be in work whatever is known of the pace."""
WAIT_SECONDS = 0.15
"""What those in work may take, at the pace of late, before a newcomer's turn."""
LOOK_SECONDS = 0.02
"""What the pace is measured over, where all of it was busy."""
PACE_SHARE = 0.2


class Load:
    """One a process. `now` is a monotonic clock's, in seconds.

    What waits for others, a client that sends a body or reads a stream, a model, is not in work.
    """

    __slots__ = ("_done", "_idle", "_look", "_pace", "_usual", "in_work")

    def __init__(self) -> None:
        self.in_work = 0
        self._usual = 0.0
        """How long requests waited for their turn."""
        self._pace: float | None = None
        """Answers a second while busy; None while there was no need to know."""
        self._look = 0.0
        self._done = 0
        self._idle = True
        """Whether there was a moment without much to do since the last look."""

    def is_late(self, waited: float) -> bool:
        """Whether a request that has waited so long for its turn is not to be begun."""
        self._usual += (waited - self._usual) * SHARE
        return waited > LATE_SECONDS < self._usual

    def is_full(self, now: float) -> bool:
        """Whether no request can be begun."""
        return self.in_work >= FEWEST and self._is_behind(now)

    def takes(self, now: float) -> bool:
        """Whether a request can be begun; it is in work from now on."""
        if self.is_full(now):
            return False
        self.in_work += 1
        return True

    def left(self, now: float) -> None:
        """One of those in work was answered, or waits for others."""
        self.in_work -= 1
        self._done += 1
        if self.in_work < FEWEST // 2:
            self._idle = True
        if now - self._look > LOOK_SECONDS:
            self._measure(now)

    def _is_behind(self, now: float) -> bool:
        if now - self._look > LOOK_SECONDS:
            self._measure(now)
        return self._pace is not None and self.in_work > max(FEWEST, self._pace * WAIT_SECONDS)

    def _measure(self, now: float) -> None:
        pace = self._done / (now - self._look)
        if self._idle:
            self._pace = None
        elif self._pace is None:
            self._pace = pace
        else:
            self._pace += (pace - self._pace) * PACE_SHARE
        self._look, self._done = now, 0
        self._idle = self.in_work < FEWEST // 2
