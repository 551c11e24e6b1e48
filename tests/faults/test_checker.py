"""The checker sees what it is there to see."""

import pytest

from tests.faults.checker import _ordered, _placed, _shown
from tests.faults.history import Read, Write, digest

LOG = ["a.0", "b.0", "b.1", "c.0"]


def write(name: str, *sequences: int, outcome: str = "acknowledged", sent: float = 0) -> Write:
    made = Write("x", name, len(sequences) or 1, sent, first=next(iter(sequences), 0), attempts=1)
    made.outcome = outcome  # type: ignore[assignment]
    made.ended = sent + 1
    return made


def read(began: float, contents: list[str], count: int) -> Read:
    return Read("x", began, len(contents), digest(contents), count)


def first(write: Write) -> int:
    return write.first


A, B, C = write("a", 1), write("b", 2, 3, sent=2), write("c", 4, sent=4)


def test_a_whole_history_passes() -> None:
    writes = [A, B, C, write("d", outcome="refused"), write("e", outcome="unknown")]
    assert list(_placed("x", writes, LOG)) == []
    assert list(_ordered("x", writes, first)) == []
    assert list(_shown(read(3.5, ["b.0", "b.1"], 3), writes, LOG)) == []


@pytest.mark.parametrize(
    ("writes", "log"),
    [
        pytest.param([A, B, C], ["b.0", "b.1", "c.0"], id="an acknowledged write is lost"),
        pytest.param([A, B, C], [*LOG, "a.0"], id="one stands twice"),
        pytest.param([A, B, C], ["b.0", "a.0", "b.1", "c.0"], id="one stands elsewhere"),
        pytest.param([A, write("b", 2, 3, outcome="refused"), C], LOG, id="a refused one stands"),
        pytest.param(
            [A, write("b", 2, 3, outcome="unknown"), C],
            ["a.0", "b.0", "c.0"],
            id="half of an unknown one stands",
        ),
        pytest.param([A, C], LOG, id="one that nobody wrote"),
    ],
)
def test_what_is_placed_wrongly_is_seen(writes: list[Write], log: list[str]) -> None:
    assert list(_placed("x", writes, log))


def test_a_wrong_order_is_seen() -> None:
    assert list(_ordered("x", [write("a", 2), write("b", 1, sent=2)], first))
    assert not list(_ordered("x", [write("a", 2), write("b", 1, sent=0.5)], first))  # side by side


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(read(3.5, ["a.0"], 1), id="it misses what was acknowledged before"),
        pytest.param(read(0, ["b.0", "a.0"], 2), id="another order"),
        pytest.param(read(0, ["a.0", "b.1"], 2), id="a gap"),
    ],
)
def test_a_wrong_read_is_seen(wrong: Read) -> None:
    assert list(_shown(wrong, [A, B, C], LOG))
