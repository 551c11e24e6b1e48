"""Which requests are begun."""

import pytest

from services.http.overload import (
    BURST_FEWEST,
    BURST_MOST,
    FEWEST,
    FORGET_SECONDS,
    LOOK_SECONDS,
    STANDING_SECONDS,
    TURN_SECONDS,
    Load,
)

STEP = LOOK_SECONDS


class Process:
    """One whose loop's turns take `turn`, and which answers as many requests as its processor allows, if so many are begun."""

    def __init__(self, cost: float, wait: float = 0.02) -> None:
        self.is_behind = False
        self.load = Load(wait, behind=lambda: self.is_behind)
        self.cost = cost
        self.now = 1_000.0
        self.cpu = 0.0
        self.load.look(self.now, 0.0, self.cpu)

    def run(self, seconds: float, turn: float, done: float = 1.0) -> None:
        """`done`: the share of the processor's time that answers had."""
        until = self.now + seconds
        while self.now < until:
            for _ in range(round(done * STEP / self.cost)):
                self.load.in_work += 1
                self.load.left()
            self.now += STEP
            self.cpu += STEP * done
            self.load.look(self.now, turn, self.cpu)


LONG, SHORT = 4 * TURN_SECONDS, TURN_SECONDS / 10


def test_a_hiccup_refuses_nobody() -> None:
    process = Process(0.0002)
    process.run(1, SHORT)
    before = process.load.limit
    process.run(STANDING_SECONDS / 2, LONG)
    assert process.load.limit >= before


@pytest.mark.parametrize(("cost", "begun"), [(0.0002, 100), (0.0005, 40), (0.004, FEWEST)])
def test_a_queue_that_stands_is_bounded_by_its_work(cost: float, begun: int) -> None:
    process = Process(cost)
    process.run(1, LONG)
    assert process.load.limit == pytest.approx(begun, rel=0.1)


def test_it_recovers() -> None:
    process = Process(0.0005)
    process.run(1, LONG)
    process.run(1, SHORT)
    assert process.load.limit == pytest.approx(0.1 / 0.0005, rel=0.1)


def test_a_silence_is_forgotten() -> None:
    process = Process(0.0005)
    process.run(1, LONG)
    process.load.look(process.now + 2 * FORGET_SECONDS, LONG, process.cpu)
    assert process.load.limit == pytest.approx(200, rel=0.1)


@pytest.mark.parametrize(("cost", "begun"), [(0.00001, BURST_MOST), (0.01, BURST_FEWEST)])
def test_a_crowd_has_bounds(cost: float, begun: int) -> None:
    process = Process(cost)
    process.run(1, SHORT)
    assert process.load.limit == begun


def test_a_database_that_is_behind_bounds_by_its_pace() -> None:
    """The processor has nothing to do: 2,000 answers a second, in 0.02 s forty."""
    process = Process(0.00001)
    process.is_behind = True
    process.run(1, SHORT, done=0.02)
    assert process.load.limit == pytest.approx(40, rel=0.1)


def test_a_slow_database_that_is_not_behind_bounds_nothing() -> None:
    process = Process(0.0001)
    process.run(1, SHORT, done=0.01)
    assert process.load.limit == BURST_MOST


def test_what_is_in_work_is_counted() -> None:
    load = Load()
    load.limit = 2
    load.look = lambda *_: None  # type: ignore[method-assign]
    load._looking = True  # no loop runs here
    assert [load.takes() for _ in range(3)] == [True, True, False]
    load.left()
    assert load.takes()
    load.put_back()
    assert load.in_work == 1
