"""The cache of states is bounded, and keeps what is used."""

from hypothesis import given
from hypothesis import strategies as st

from eventstore.state_cache import StateCache


def test_the_least_recently_used_goes_first() -> None:
    cache: StateCache[int] = StateCache(lambda state: 1, most=2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.get("a")
    cache.put("c", 3)
    assert [cache.get(stream) for stream in "abc"] == [1, None, 3]


def test_weight_bounds_too() -> None:
    cache: StateCache[int] = StateCache(lambda state: state, most=100, most_weight=10)
    for number in range(5):
        cache.put(str(number), 4)
    assert len(cache) == 2
    cache.put("huge", 1_000)
    assert cache.get("huge") == 1_000
    assert len(cache) == 1


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 9), st.booleans())))
def test_bounds_always_hold(steps: list[tuple[str, int, bool]]) -> None:
    cache: StateCache[int] = StateCache(lambda state: state, most=3, most_weight=12)
    for stream, weight, keep in steps:
        if keep:
            cache.put(stream, weight)
            assert cache.get(stream) == weight
        else:
            cache.drop(stream)
            assert cache.get(stream) is None
        kept = [value for name in "abcdef" if (value := cache.get(name)) is not None]
        assert len(kept) == len(cache) <= 3
        assert sum(kept) <= 12
