"""Overload is refused, not suffered: a process begins no more requests than it can answer soon.

When more come than it can answer, each waits for those before it, at the event loop, at a conversation, at the database.
Answered late, they are of no use to clients that have given up, and later ones wait longer still. What is refused was not
begun, and its client knows so.

How many is not a fixed number: it follows from how much work one is, and from whether more are refused than answered. A database
that answers slowly, and has room, is no overload; nor is a processor that others use, too.
"""

import asyncio
import logging
import time
from collections.abc import Callable

WAIT_SECONDS = 0.02
"""What those in work may be worth, in work, before a newcomer's turn, where a queue stands."""
FEWEST = 8
"""Requests that may be in work in any case, where a queue stands."""
BURST_SECONDS, BURST_FEWEST, BURST_MOST = 0.1, 24, 1_000
"""Those that meet by chance are begun, as far as their work is so much processor time, and within these numbers."""
UNKNOWN = 64
"""So many, while nobody knows how much work one is."""
FALL, RISE = 1 - 1 / 64, 1 + 1 / 64
"""Times what the limit is, after each refusal and after each answer."""
TURN_SECONDS = 0.005
"""Of the event loop: where they take longer there is always something to do."""
LOOK_SECONDS = 0.02
"""Between two looks, where requests come."""
FORGET_SECONDS = 1.0
"""Without a look everything is as at the start."""
SHARE = 0.3
"""Of the newest look in what is usual."""

log = logging.getLogger(__name__)


class Load:
    """One a process.

    What waits for others, a client that sends a body or reads a stream, a model, is not in work. `behind` tells whether work
    stands where the event loop's turns do not show it.

    Between `least`, which a queue that stands is held to, and `most`, which leaves room for those that meet by chance, the
    limit falls with each refusal and rises with each answer. Where chance has brought a few too many together it is up again
    at once; where more than twice as many come as are answered it is down within a hundred refusals.
    """

    def __init__(
        self, wait: float = WAIT_SECONDS, behind: Callable[[], bool] = lambda: False
    ) -> None:
        self.in_work = 0
        self.refused = 0
        """Since the start."""
        self.limit: float = UNKNOWN
        self.least: float = FEWEST
        self.most: float = UNKNOWN
        self._wait = wait
        self._behind = behind
        self._stands = False
        """Whether there is a queue at all: a database that is slow, and has room, is none."""
        self._looked = time.perf_counter()
        self._looking = False
        self._turn_began = 0.0
        self._turn = 0.0
        """What turns of the event loop take of late."""
        self._done = 0
        self._cpu = time.process_time()
        self._usual_done = self._usual_cpu = self._usual_span = 0.0
        """Of a look: answers; processor seconds, with those of the refusals meanwhile; seconds."""
        self._told = self._looked
        self._told_refused = 0

    def is_full(self) -> bool:
        """Whether no request can be begun; asked of each that comes, and at times a look around."""
        if time.perf_counter() - self._looked > LOOK_SECONDS and not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_soon(self._begin_turn)
        return self.in_work >= self.limit

    def takes(self) -> bool:
        """Whether a request can be begun; it is in work from now on."""
        if self.in_work >= self.limit:
            return False
        self.in_work += 1
        return True

    def refuse(self) -> None:
        """A request was not begun, for there were too many."""
        self.refused += 1
        if self._stands:
            self.limit = max(self.least, self.limit * FALL)

    def left(self) -> None:
        """One of those in work was answered, or waits for others from now on."""
        self.in_work -= 1
        self._done += 1
        self.limit = min(self.most, self.limit * RISE)

    def put_back(self) -> None:
        """One of those in work has not been begun after all."""
        self.in_work -= 1

    def _begin_turn(self) -> None:
        self._turn_began = time.perf_counter()
        asyncio.get_running_loop().call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._looking = False
        now = time.perf_counter()
        self.look(now, now - self._turn_began, time.process_time())

    def look(self, now: float, turn: float, cpu: float) -> None:
        """At `now` a turn of the loop took `turn`; the process has had `cpu` seconds of the processor."""
        span, self._looked = now - self._looked, now
        done, self._done = self._done, 0
        used, self._cpu = cpu - self._cpu, cpu
        if span > FORGET_SECONDS:
            self._turn = turn
            self.limit = self.most
            return
        self._turn += (turn - self._turn) * SHARE
        self._usual_done += (done - self._usual_done) * SHARE
        self._usual_cpu += (used - self._usual_cpu) * SHARE
        self._usual_span += (span - self._usual_span) * SHARE
        is_behind = self._behind()
        self._stands = is_behind or self._turn >= TURN_SECONDS
        if self._usual_done > 0 and self._usual_cpu > 0:
            pace = self._usual_done / self._usual_cpu
            if is_behind:
                pace = min(pace, self._usual_done / self._usual_span)
            self.least = max(FEWEST, min(pace * self._wait, BURST_MOST))
            most = pace * max(BURST_SECONDS, self._wait)
            self.most = max(BURST_FEWEST, min(most, BURST_MOST))
            self.limit = min(self.limit, self.most)
        self._tell(now)

    def _tell(self, now: float) -> None:
        """One line a second, not one for each: that would be work again."""
        if self.refused > self._told_refused and now - self._told > 1:
            log.warning(
                "refused %d requests: more came than can be answered soon (%d in work)",
                self.refused - self._told_refused,
                self.in_work,
            )
            self._told, self._told_refused = now, self.refused
