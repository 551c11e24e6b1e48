"""When an overload is over, on the model of a process (`tests/services/http/crowd.py`)."""

from itertools import islice

import pytest
from typing_extensions import override

from services.http.overload import Load
from tests.overload.flood import Plan, gaps
from tests.overload.recovery import REFUSED, TRIES, Recovery, recovery
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


class Slowed(Model):
    """One whose requests cost more than they did: retries are taken up, a cache is lost; or the machine has become slower."""

    def slow_down(self, times: float = 1.5) -> None:
        self._cost *= times


def _flooded(model: Model) -> Crowd:
    """What was normal, then a flood."""
    before = model.run(0.7 / LARGE, SECONDS)
    model.run(10 / LARGE, SECONDS)
    return before


def _recovery(
    before: Crowd, flooded: Model, fresh: Model, stalls: tuple[float, ...] = ()
) -> Recovery[Crowd]:
    coming = iter(stalls)
    return recovery(
        before,
        lambda: flooded.run(0.7 / LARGE, SECONDS, next(coming, 0.0)),
        lambda: fresh.run(0.7 / LARGE, SECONDS),
    )


@pytest.mark.parametrize("seed", range(3))
def test_it_is_over_soon(seed: int) -> None:
    """Chance alone has three of two thousand refused at times."""
    model = Model(Load(), LARGE, seed=seed)
    found = _recovery(_flooded(model), model, Model(Load(), LARGE, seed=seed + 10))
    assert found.is_over
    assert found.is_as_before
    assert len(found.fresh) == len(found.flooded)


@pytest.mark.parametrize("seed", range(3))
def test_a_load_that_was_not_borne_well_before_is_over_as_it_was(seed: int) -> None:
    """At nearly what the process bears, some are refused by chance, before the flood as behind it."""
    model, other = Model(Load(), LARGE, seed=seed), Model(Load(), LARGE, seed=seed + 10)
    before = model.run(0.97 / LARGE, SECONDS)
    model.run(10 / LARGE, SECONDS)
    found = recovery(
        before,
        lambda: model.run(0.97 / LARGE, SECONDS),
        lambda: other.run(0.97 / LARGE, SECONDS),
    )
    assert before.refused_share > REFUSED
    assert found.is_as_before


@pytest.mark.parametrize("seed", range(3))
def test_one_stall_of_the_machine_is_no_failure_to_recover(seed: int) -> None:
    model = Model(Load(), LARGE, seed=seed)
    found = _recovery(_flooded(model), model, Model(Load(), LARGE, seed=seed + 10), (0.3,))
    assert found.flooded[0].refused_share > REFUSED
    assert found.is_over


@pytest.mark.parametrize("seed", range(3))
def test_one_that_goes_on_refusing_has_not_recovered(seed: int) -> None:
    model = Model(Grudge(), LARGE, seed=seed)
    found = _recovery(_flooded(model), model, Model(Load(), LARGE, seed=seed + 10))
    assert len(found.flooded) == TRIES
    assert not found.is_over
    assert "the flooded process has not recovered" in str(found)


@pytest.mark.parametrize("seed", range(3))
def test_one_that_stays_slow_has_not_recovered(seed: int) -> None:
    model = Slowed(Load(), LARGE, seed=seed)
    before = _flooded(model)
    model.slow_down()
    found = _recovery(before, model, Model(Load(), LARGE, seed=seed + 10))
    assert len(found.flooded) == TRIES
    assert not found.is_over


@pytest.mark.parametrize("seed", range(3))
def test_a_machine_that_has_become_slower_is_no_failure_to_recover(seed: int) -> None:
    """A process that saw no flood refuses as many."""
    model, fresh = Slowed(Load(), LARGE, seed=seed), Slowed(Load(), LARGE, seed=seed + 10)
    before = _flooded(model)
    for one in (model, fresh):
        one.slow_down()
    found = _recovery(before, model, fresh)
    assert not found.is_as_before
    assert found.is_over
    assert "the machine has become slower" in str(found)


@pytest.mark.parametrize("seed", range(3))
def test_one_that_has_not_recovered_is_seen_on_a_slower_machine_too(seed: int) -> None:
    model, fresh = Slowed(Load(), LARGE, seed=seed), Slowed(Load(), LARGE, seed=seed + 10)
    before = _flooded(model)
    model.slow_down(2.5)
    fresh.slow_down(1.5)
    found = _recovery(before, model, fresh)
    assert found.is_machine_slower
    assert not found.is_over


def test_loads_that_are_compared_come_at_the_same_moments() -> None:
    """At nine tenths of what is borne, three requests more of a hundred are most of what is refused."""
    plans = [Plan("", "", run, 1, 1, 90.0, 10.0) for run in ("step5", "step6")]
    first, second = (list(islice(gaps(plan), 1_000)) for plan in plans)
    assert first == second
