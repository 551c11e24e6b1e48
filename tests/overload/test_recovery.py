"""When an overload is over, on the model of a process (`tests/services/http/crowd.py`)."""

import pytest
from typing_extensions import override

from services.http.overload import Load
from tests.overload.recovery import REFUSED, TRIES, is_over, until_over
from tests.services.http.crowd import Crowd, Model

LARGE = 0.0057
"""Processor seconds of an append of a hundred messages."""
SECONDS = 20.0


class Grudge(Load):
    """One that holds everybody to the lower number for ever, once there was a flood."""

    @override
    def left(self) -> None:
        held = self.limit
        super().left()
        self.limit = held


class Backlog(Model):
    """One whose requests cost more once there was a flood, as where retries are taken up or a cache is lost."""

    def grow(self) -> None:
        self._cost *= 1.5


def _flooded(model: Model) -> Crowd:
    """What was normal, then a flood."""
    before = model.run(0.7 / LARGE, SECONDS)
    model.run(10 / LARGE, SECONDS)
    return before


@pytest.mark.parametrize("seed", range(3))
def test_it_is_over_soon(seed: int) -> None:
    """Chance alone has three of two thousand refused at times."""
    model = Model(Load(), LARGE, seed=seed)
    before = _flooded(model)
    steps = until_over(lambda: model.run(0.7 / LARGE, SECONDS), before)
    assert is_over(steps[-1], before)


@pytest.mark.parametrize("seed", range(3))
def test_one_stall_of_the_machine_is_no_failure_to_recover(seed: int) -> None:
    model = Model(Load(), LARGE, seed=seed)
    before = _flooded(model)
    stalls = iter([0.3])
    steps = until_over(lambda: model.run(0.7 / LARGE, SECONDS, next(stalls, 0.0)), before)
    assert steps[0].refused_share > REFUSED
    assert is_over(steps[-1], before)


@pytest.mark.parametrize("seed", range(3))
def test_one_that_goes_on_refusing_has_not_recovered(seed: int) -> None:
    model = Model(Grudge(), LARGE, seed=seed)
    before = _flooded(model)
    steps = until_over(lambda: model.run(0.7 / LARGE, SECONDS), before)
    assert len(steps) == TRIES
    assert not any(is_over(step, before) for step in steps)


@pytest.mark.parametrize("seed", range(3))
def test_one_that_stays_slow_has_not_recovered(seed: int) -> None:
    model = Backlog(Load(), LARGE, seed=seed)
    before = _flooded(model)
    model.grow()
    steps = until_over(lambda: model.run(0.7 / LARGE, SECONDS), before)
    assert len(steps) == TRIES
    assert not any(is_over(step, before) for step in steps)
