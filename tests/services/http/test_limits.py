"""Buckets of tokens."""

import time

import pytest

from services.http.keys import Principal
from services.http.limits import Limiter


def principal(name: str, workspace: str = "w") -> Principal:
    return Principal(name, workspace, frozenset(), unlimited=False)


def test_a_bucket_refills_steadily(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    limiter = Limiter(per_key=60, per_workspace=0)
    for _ in range(60):
        assert limiter.charge(principal("k"), 1)[1] is None
    refusal = limiter.charge(principal("k"), 5)[1]
    assert refusal is not None
    assert refusal.retry_after == 5
    now[0] += 5
    assert limiter.charge(principal("k"), 5)[1] is None
    assert limiter.charge(principal("k"), 1)[1] is not None
    now[0] += 3_600
    assert limiter.charge(principal("k"), 60)[1] is None
    assert limiter.charge(principal("k"), 1)[1] is not None


def test_a_refused_request_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    limiter = Limiter(per_key=10, per_workspace=100)
    assert limiter.charge(principal("k"), 4)[1] is None
    assert limiter.charge(principal("k"), 7)[1] is not None
    assert limiter.charge(principal("k"), 6)[0].remaining == 0


@pytest.mark.parametrize(("per_key", "per_workspace"), [(10, 0), (0, 10), (10, 100), (100, 10)])
def test_what_costs_more_than_a_limit_costs_all_of_it(
    monkeypatch: pytest.MonkeyPatch, per_key: int, per_workspace: int
) -> None:
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    limiter = Limiter(per_key=per_key, per_workspace=per_workspace)
    allowance, refusal = limiter.charge(principal("k"), 20)
    assert refusal is None
    assert (allowance.limit, allowance.remaining) == (10, 0)
    refusal = limiter.charge(principal("k"), 20)[1]
    assert refusal is not None
    assert refusal.retry_after == 60
    now[0] += 60
    assert limiter.charge(principal("k"), 20)[1] is None


@pytest.mark.parametrize("limit", [1, 10, 20, 30])
def test_who_waits_as_told_is_served(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """A request pays 1 before it is known what it costs: it may be told to wait for that, then for the rest."""
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    limiter = Limiter(per_key=limit, per_workspace=0)

    def asked() -> int:
        """Seconds to wait; 0 where it was served."""
        for cost, paid in ((1, 0), (20, 1)):
            refusal = limiter.charge(principal("k"), cost, paid)[1]
            if refusal is not None:
                return refusal.retry_after
        return 0

    assert asked() == 0
    for _ in range(3):
        waited: list[int] = []
        while wait := asked():
            waited.append(wait)
            assert len(waited) <= 2
            now[0] += wait
        assert waited


def test_the_tighter_limit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    limiter = Limiter(per_key=10, per_workspace=12)
    for _ in range(6):
        limiter.charge(principal("a"), 1)
    allowance, refusal = limiter.charge(principal("b"), 1)
    assert refusal is None
    assert (allowance.limit, allowance.remaining) == (12, 5)


def test_a_refusal_says_when_both_limits_suffice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workspace has less left, and more again soon; the key has to wait."""
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    limiter = Limiter(per_key=30, per_workspace=120)
    for _ in range(28):
        limiter.charge(principal("a"), 1)
    for number in range(91):
        limiter.charge(principal(f"b{number}"), 1)
    allowance, refusal = limiter.charge(principal("a"), 12)
    assert refusal is not None
    assert (allowance.limit, allowance.remaining) == (120, 1)
    assert refusal.retry_after == 20


def test_a_refusal_says_when_what_was_paid_can_be_paid_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The key's one request a minute is paid for; the workspace lacks the rest."""
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    limiter = Limiter(per_key=1, per_workspace=120)
    for number in range(110):
        limiter.charge(principal(f"b{number}"), 1)
    assert limiter.charge(principal("a"), 1)[1] is None
    refusal = limiter.charge(principal("a"), 20, paid=1)[1]
    assert refusal is not None
    assert refusal.retry_after == 60


def test_no_limits() -> None:
    limiter = Limiter(per_key=0, per_workspace=0)
    assert all(limiter.charge(principal("k"), 1_000)[1] is None for _ in range(100))


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.http.limits.MOST_BUCKETS", 100)
    limiter = Limiter(per_key=5, per_workspace=0)
    for number in range(1_000):
        limiter.charge(principal(f"k{number}"), 1)
    assert len(limiter._buckets) <= 100
