"""Overload is refused, not suffered: a process begins no more requests than it can answer soon.

When more come than it can answer, each waits for those before it, at the event loop, at a conversation, at the database.
Answered late, they are of no use to clients that have given up, and later ones wait longer still. What is refused was not
begun, and its client knows so.

How many is not a fixed number: it follows from how much work one is, and counts only where a queue stands. A database that
answers slowly, and has room, is no overload; nor is a processor that others use, too.
"""

import asyncio
import logging
import time
from collections.abc import Callable

WAIT_SECONDS = 0.02
"""What those in work may be worth, in work, before a newcomer's turn."""
FEWEST = 8
"""Requests that may be in work in any case: so many meet by chance where there is no overload."""
BURST_SECONDS, BURST_FEWEST, BURST_MOST = 0.1, 64, 1_000
"""A crowd that comes at once is begun, as far as its work is so much processor time, and within these numbers."""
TURN_SECONDS = 0.005
"""Of the event loop: where they take longer there is always something to do."""
STANDING_SECONDS = 0.1
"""A queue that stands so long is no hiccup."""
LOOK_SECONDS = 0.02
"""Between two looks, where requests come."""
FORGET_SECONDS = 1.0
"""Without a look everything is as at the start."""
SHARE = 0.3
"""Of the newest look in what is usual."""
GROWTH = 1.25

log = logging.getLogger(__name__)


class Load:
    """One a process.

    What waits for others, a client that sends a body or reads a stream, a model, is not in work. `behind` tells whether work
    stands where the event loop's turns do not show it.
    """

    def __init__(
        self, wait: float = WAIT_SECONDS, behind: Callable[[], bool] = lambda: False
    ) -> None:
        self.in_work = 0
        self.refused = 0
        """Since the start."""
        self.limit: float = BURST_FEWEST
        self._wait = wait
        self._behind = behind
        self._looked = time.perf_counter()
        self._looking = False
        self._turn_began = 0.0
        self._turn = 0.0
        """What turns of the event loop take of late."""
        self._pace: float | None = None
        """Answers a second while work stands elsewhere."""
        self._calm = self._looked
        """When it did not."""
        self._done = 0
        self._cpu = time.process_time()
        self._cost = 0.0
        """Processor seconds of an answer, with those of the refusals meanwhile."""
        self._told = self._looked
        self._told_refused = 0

    def is_full(self) -> bool:
        """Whether no request can be begun."""
        if time.perf_counter() - self._looked > LOOK_SECONDS and not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_soon(self._begin_turn)
        return self.in_work >= self.limit

    def takes(self) -> bool:
        """Whether a request can be begun; it is in work from now on."""
        if self.is_full():
            return False
        self.in_work += 1
        return True

    def left(self) -> None:
        """One of those in work was answered, or waits for others from now on."""
        self.in_work -= 1
        self._done += 1

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
        if done:
            self._cost += ((cpu - self._cpu) / done - self._cost) * SHARE
            self._cpu = cpu
        if span > FORGET_SECONDS:
            self._turn, self._calm, self._pace, self.limit = turn, now, None, self._burst()
            return
        self._turn += (turn - self._turn) * SHARE
        is_behind = self._behind()
        if not is_behind and self._turn < TURN_SECONDS:
            self._calm, self._pace = now, None
            self.limit = min(self._burst(), self.limit * GROWTH + 1)
        elif now - self._calm > STANDING_SECONDS:
            fits = self._wait / self._cost if self._cost > 0 else 0.0
            if is_behind:
                pace = done / span
                usual = pace if self._pace is None else self._pace
                self._pace = usual + (pace - usual) * SHARE
                fits = min(fits, self._pace * self._wait)
            self.limit = max(FEWEST, min(fits, self._burst()))
        self._tell(now)

    def _burst(self) -> float:
        if self._cost <= 0:
            return BURST_FEWEST
        return min(max(BURST_SECONDS / self._cost, BURST_FEWEST), BURST_MOST)

    def _tell(self, now: float) -> None:
        """One line a second, not one for each: that would be work again."""
        if self.refused > self._told_refused and now - self._told > 1:
            log.warning(
                "refused %d requests: more came than can be answered soon (%d in work)",
                self.refused - self._told_refused,
                self.in_work,
            )
            self._told, self._told_refused = now, self.refused
