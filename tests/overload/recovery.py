"""What it means that an overload is over."""

from collections.abc import Callable
from typing import Protocol, TypeVar

REFUSED = 0.001
"""At most this share, at a rate that the process bears well."""
SLOWER = 2.0
"""At most so many times the median of before."""
TRIES = 4


class Step(Protocol):
    """What became of the requests of one step."""

    @property
    def refused_share(self) -> float: ...
    @property
    def median(self) -> float: ...


S = TypeVar("S", bound=Step)


def is_over(step: Step, before: Step) -> bool:
    """Whether `step`, behind the flood, is as the step `before` it."""
    return step.refused_share <= REFUSED and step.median <= SLOWER * before.median


def until_over(run: Callable[[], S], before: Step) -> list[S]:
    """Run the same load until it is borne as before; the last one tells whether it ever was.

    A process that does not recover by itself does not at the fourth try either: it has had rest between. A machine that stands
    still for a moment (`bench/stalls.py` tells) has requests refused in that one step.
    """
    steps = [run()]
    while not is_over(steps[-1], before) and len(steps) < TRIES:
        steps.append(run())
    return steps
