"""What it means that an overload is over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import mean, median
from typing import Generic, Protocol, TypeVar

REFUSED = 0.001
"""At most this share, at a rate that the process bears well."""
SLOWER = 2.0
"""At most so many times the median of before."""
MORE = 2.0
"""At most so many times the share that was refused before, or that a fresh process refuses: where the load is more than is borne well."""
TRIES = 4


class Step(Protocol):
    """What became of the requests of one step."""

    @property
    def refused_share(self) -> float: ...
    @property
    def median(self) -> float: ...


S = TypeVar("S", bound=Step)


@dataclass
class Recovery(Generic[S]):
    """What became of the same load behind the flood: at the process that was flooded, and in turn at one that was not."""

    before: S
    flooded: list[S] = field(default_factory=list[S])
    fresh: list[S] = field(default_factory=list[S])

    @property
    def is_as_before(self) -> bool:
        return _is_as(self.flooded[-1:], [self.before], _allowed([self.before]))

    @property
    def is_machine_slower(self) -> bool:
        """A process that saw no flood does not bear the load as it was borne before."""
        return not _is_as(self.fresh, [self.before], _allowed([self.before]))

    @property
    def is_over(self) -> bool:
        """As before the flood; or, where the machine has become slower, as a fresh process on it."""
        allowed = _allowed(self.fresh)
        as_fresh = self.is_machine_slower and _is_as(self.flooded, self.fresh, allowed)
        return self.is_as_before or as_fresh

    def __str__(self) -> str:
        if self.is_as_before:
            whose = "over"
        elif self.is_over:
            whose = "over; the machine has become slower"
        else:
            whose = "the flooded process has not recovered"
        return (
            f"behind the flood {_refused(self.flooded):.2%} refused, p50 {_median(self.flooded):.1f} ms; by a fresh"
            f" process in turn with it {_refused(self.fresh):.2%}, {_median(self.fresh):.1f} ms; before the flood"
            f" {self.before.refused_share:.2%}, {self.before.median:.1f} ms: {whose}"
        )


def recovery(before: S, flooded: Callable[[], S], fresh: Callable[[], S]) -> Recovery[S]:
    """Run the same load at both, in turn, until it is borne as before.

    A process that does not recover by itself does not at the fourth try either: it has had rest between. A machine that stands
    still for a moment (`bench/stalls.py` tells) has requests refused in that one step; one that has become slower has them
    refused in all, of either process.
    """
    made = Recovery(before)
    while not made.flooded or not (made.is_as_before or len(made.flooded) == TRIES):
        made.flooded.append(flooded())
        made.fresh.append(fresh())
    return made


def _is_as(steps: Sequence[Step], others: Sequence[Step], refused: float) -> bool:
    """Whether no more than this share is refused, and the accepted hardly wait longer than the others'."""
    return _refused(steps) <= refused and _median(steps) <= SLOWER * _median(others)


def _allowed(steps: Sequence[Step]) -> float:
    return max(REFUSED, MORE * _refused(steps))


def _refused(steps: Sequence[Step]) -> float:
    return mean(step.refused_share for step in steps)


def _median(steps: Sequence[Step]) -> float:
    return median(step.median for step in steps)
