"""Which requests are begun."""

import pytest

from services.http.overload import (
    BURST_FEWEST,
    BURST_MOST,
    FEWEST,
    FORGET_SECONDS,
    LOOK_SECONDS,
    TURN_SECONDS,
    UNKNOWN,
    Load,
)
from tests.services.http.crowd import Model

STEP = LOOK_SECONDS
LARGE = 0.0057
"""Processor seconds of an append of a hundred messages."""


class Process:
    """One whose loop's turns take `turn`, and which answers as many requests as its processor allows, if so many are begun."""

    def __init__(self, cost: float, wait: float = 0.02) -> None:
        self.is_behind = False
        self.load = Load(wait, behind=lambda: self.is_behind)
        self.cost = cost
        self.now = 1_000.0
        self.cpu = 0.0
        self.load.look(self.now, 0.0, self.cpu)

    def run(self, seconds: float, turn: float, done: float = 1.0, refused: float = 0.0) -> None:
        """`done`: the share of the processor's time that answers had; `refused` for each answer."""
        until = self.now + seconds
        due = 0.0
        while self.now < until:
            for _ in range(round(done * STEP / self.cost)):
                self.load.in_work += 1
                self.load.left()
                due += refused
                while due >= 1:
                    self.load.refuse()
                    due -= 1
            self.now += STEP
            self.cpu += STEP * done
            self.load.look(self.now, turn, self.cpu)


LONG, SHORT = 4 * TURN_SECONDS, TURN_SECONDS / 10


@pytest.mark.parametrize("seed", range(3))
def test_chance_refuses_nobody(seed: int) -> None:
    """At seven tenths of what it bears. Eight at once are nothing rare there."""
    model = Model(Load(), LARGE, seed=seed)
    crowd = model.run(0.7 * model.bears, 100)
    assert crowd.refused == []
    assert crowd.most > FEWEST


@pytest.mark.parametrize("seed", range(3))
def test_ten_times_the_load(seed: int) -> None:
    """The accepted wait less than twice as long as normally, the refused hardly at all; and it is over when it is over."""
    model = Model(Load(), LARGE, seed=seed)
    normal = model.run(0.7 * model.bears, 100)
    flooded = model.run(10 * model.bears, 30)
    assert len(flooded.answered) > 0.8 * 30 * model.bears
    assert flooded.slow(0.99) < 2 * normal.slow(0.99)
    assert max(flooded.refused) < 0.1
    again = model.run(0.7 * model.bears, 100)
    assert len(again.refused) < 0.001 * len(again.answered)
    assert again.slow(0.99) < 1.2 * normal.slow(0.99)


@pytest.mark.parametrize("seed", range(2))
def test_ten_times_the_load_where_the_commits_are_slower(seed: int) -> None:
    """Turns of the loop are short at times, in the midst of a flood: nothing may be let in for that."""
    model = Model(Load(), 0.003, commit=0.03, seed=seed)
    normal = model.run(0.7 * 5 / 0.03, 100)
    flooded = model.run(10 * 5 / 0.03, 30)
    assert flooded.slow(0.99) < 1.5 * normal.slow(0.99)


def test_a_little_too_much_is_not_refused_like_a_flood() -> None:
    """Where fewer are refused than are answered, the room for those that meet stays."""
    model = Model(Load(), LARGE)
    crowd = model.run(1.5 * model.bears, 30)
    assert model.load.limit > 2 * FEWEST
    assert len(crowd.answered) > 0.9 * 30 * model.bears


def test_a_few_refusals_take_nothing_away_for_long() -> None:
    process = Process(0.0005)
    process.run(1, LONG, refused=0.5)
    assert process.load.limit == pytest.approx(0.1 / 0.0005, rel=0.1)


@pytest.mark.parametrize(("cost", "begun"), [(0.0002, 100), (0.0005, 40), (0.004, FEWEST)])
def test_a_flood_is_bounded_by_its_work(cost: float, begun: int) -> None:
    process = Process(cost)
    process.run(2, LONG, refused=9)
    assert process.load.limit == pytest.approx(begun, rel=0.1)


def test_it_recovers() -> None:
    process = Process(0.0005)
    process.run(1, LONG, refused=9)
    process.run(1, SHORT)
    assert process.load.limit == pytest.approx(0.1 / 0.0005, rel=0.1)


def test_a_silence_is_forgotten() -> None:
    process = Process(0.0005)
    process.run(1, LONG, refused=9)
    process.load.look(process.now + 2 * FORGET_SECONDS, LONG, process.cpu)
    assert process.load.limit == pytest.approx(200, rel=0.1)


@pytest.mark.parametrize(("cost", "begun"), [(0.00001, BURST_MOST), (0.01, BURST_FEWEST)])
def test_a_crowd_has_bounds(cost: float, begun: int) -> None:
    process = Process(cost)
    process.run(1, SHORT)
    assert process.load.limit == begun


def test_who_knows_nothing_yet_begins_some() -> None:
    assert Load().limit == UNKNOWN


def test_one_heavy_request_among_light_ones_is_weighed_as_one() -> None:
    process = Process(0.0002)
    process.run(1, SHORT, done=0.5)
    process.load.in_work += 1
    process.load.left()
    process.now += STEP
    process.cpu += STEP
    process.load.look(process.now, STEP, process.cpu)
    assert process.load.most > 2 * BURST_FEWEST


def test_a_database_that_is_behind_bounds_by_its_pace() -> None:
    """The processor has nothing to do: 2,000 answers a second, in 0.02 s forty, in a tenth two hundred."""
    process = Process(0.00001)
    process.is_behind = True
    process.run(1, SHORT, done=0.02)
    assert process.load.limit == pytest.approx(200, rel=0.1)
    process.run(1, SHORT, done=0.02, refused=9)
    assert process.load.limit == pytest.approx(40, rel=0.1)


def test_a_slow_database_that_is_not_behind_bounds_nothing() -> None:
    process = Process(0.0001)
    process.run(4, SHORT, done=0.01, refused=9)
    assert process.load.limit == BURST_MOST


def test_what_is_in_work_is_counted() -> None:
    load = Load()
    load.limit = load.most = 2
    load._looking = True  # no loop runs here
    assert [load.takes() for _ in range(3)] == [True, True, False]
    load.left()
    assert load.takes()
    load.put_back()
    assert load.in_work == 1
