"""A process as its load sees it, on a clock of its own: an event loop with one thing at a time to do, and group commits."""

import math
import random
from collections import deque
from dataclasses import dataclass, field

from services.http.overload import LOOK_SECONDS, Load

REFUSAL = 0.000_045
"""Of the processor's time, as measured."""


@dataclass
class Crowd:
    """What became of those that came, seconds each."""

    answered: list[float] = field(default_factory=list[float])
    refused: list[float] = field(default_factory=list[float])
    most: int = 0
    """In work at once."""

    def slow(self, share: float) -> float:
        return sorted(self.answered)[int(len(self.answered) * share)]

    @property
    def median(self) -> float:
        return self.slow(0.5)

    @property
    def refused_share(self) -> float:
        return len(self.refused) / (len(self.refused) + len(self.answered))


class Model:
    """One whose requests cost `cost` seconds of the processor, nine tenths of it before their commit."""

    def __init__(
        self, load: Load, cost: float, *, commit: float = 0.006, batch: int = 5, seed: int = 1
    ) -> None:
        self.load = load
        self._cost = cost
        self._commit = commit
        self._batch = batch
        self._random = random.Random(seed)
        self.now = 1_000.0
        self._cpu = 0.0
        self._stalls = (math.inf, 0.0)
        load.look(self.now, 0.0, 0.0)

    @property
    def bears(self) -> float:
        """Answers a second, at most."""
        return 1 / self._cost

    def run(self, rate: float, seconds: float, stall: float = 0.0) -> Crowd:
        """`rate` a second come at random, for so long; all that were begun are answered. One commit takes `stall` longer."""
        crowd = Crowd()
        end = self.now + seconds
        self._stalls = (self.now + seconds / 2, stall)
        coming = self.now + self._random.expovariate(rate)
        begun: list[float] = []
        queue: deque[float] = deque()
        flying: list[float] = []
        lands = looked = 0.0
        while coming < end or begun or queue or flying:
            if not begun:
                next_ = [at for at, due in ((coming, coming < end), (lands, bool(flying))) if due]
                self.now = max(self.now, min(next_))
            turn_began = self.now
            ready, begun = begun, []
            if flying and lands <= self.now:
                for came in flying:
                    self._work(self._cost * 0.1)
                    self.load.left()
                    crowd.answered.append(self.now - came)
                flying = []
            while coming <= turn_began and coming < end:
                if self.load.in_work < self.load.limit:
                    self.load.in_work += 1
                    begun.append(coming)
                else:
                    self._work(REFUSAL)
                    self.load.refuse()
                    crowd.refused.append(self.now - coming)
                coming += self._random.expovariate(rate)
            crowd.most = max(crowd.most, self.load.in_work)
            for came in ready:
                self._work(self._cost * 0.9)
                queue.append(came)
            if queue and not flying:
                flying = [queue.popleft() for _ in range(min(len(queue), self._batch))]
                lands = self.now + self._commit_takes()
            if self.now - looked > LOOK_SECONDS:
                looked = self.now
                self.load.look(self.now, self.now - turn_began, self._cpu)
        return crowd

    def _commit_takes(self) -> float:
        at, stall = self._stalls
        if self.now < at:
            return self._commit
        self._stalls = (math.inf, 0.0)
        return self._commit + stall

    def _work(self, seconds: float) -> None:
        self.now += seconds
        self._cpu += seconds
