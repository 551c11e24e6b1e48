"""Which requests are begun."""

import pytest

from services.http.overload import FEWEST, LATE_SECONDS, WAIT_SECONDS, Load

LATE = 2 * LATE_SECONDS


class Clock:
    """A process that answers `pace` requests a second, in the order they came."""

    def __init__(self, pace: float) -> None:
        self.load = Load()
        self.pace = pace
        self.now = 100.0
        self.ends: list[float] = []
        self.waited: list[float] = []
        self.refused = 0

    def run(self, rate: float, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += 1 / rate
            while self.ends and self.ends[0] <= self.now:
                self.load.left(self.ends.pop(0))
            if not self.load.takes(self.now):
                self.refused += 1
                continue
            self.ends.append(max(self.now, self.ends[-1] if self.ends else 0.0) + 1 / self.pace)
            self.waited.append(self.ends[-1] - self.now)


def test_a_hiccup_refuses_nobody() -> None:
    load = Load()
    assert not any(load.is_late(0.0) for _ in range(100))
    assert not any(load.is_late(LATE) for _ in range(5))


def test_late_ones_are_refused_until_it_is_over() -> None:
    load = Load()
    told = [load.is_late(LATE) for _ in range(100)]
    assert not told[0]
    assert all(told[20:])
    assert not any(load.is_late(0.0) for _ in range(100))


@pytest.mark.parametrize("pace", [100, 400, 3_000, 20_000])
def test_what_it_bears_is_begun(pace: float) -> None:
    clock = Clock(pace)
    clock.run(pace * 0.9, 2)
    assert clock.refused == 0


@pytest.mark.parametrize("pace", [100, 400, 3_000, 20_000])
def test_ten_times_as_much_is_refused_and_soon_over(pace: float) -> None:
    clock = Clock(pace)
    clock.run(pace * 10, 3)
    assert clock.refused > len(clock.waited) * 5
    assert len(clock.waited) > pace * 2.5  # it is kept busy
    late_half = clock.waited[len(clock.waited) // 2 :]
    assert max(late_half) < max(FEWEST / pace, WAIT_SECONDS) * 1.5
    clock.run(pace * 0.5, 0.5)
    refused = clock.refused
    clock.run(pace * 0.9, 2)
    assert clock.refused == refused


def test_a_burst_is_begun() -> None:
    """Many at once on a process with nothing to do: they are no overload yet."""
    load = Load()
    assert all(load.takes(100.0) for _ in range(1_000))
