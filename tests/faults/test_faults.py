"""One short run a fault; `python -m tests.faults` is the long one, by clients that do not rest.

All of them are on one log, and comparing rows with a replay of it takes longer the longer it is: it is done once, behind the last
fault. Which fault it was that broke them the long one says.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.checker import catch_up, differences_of
from tests.faults.clients import RESTING
from tests.faults.disk import CannotMount, small_disk
from tests.faults.driver import run
from tests.faults.faults import FAULTS, FULL_DISK, missing
from tests.faults.rig import Rig, rig

SECONDS = 0.7


@pytest.fixture(scope="module")
def a_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("rig")) as made:
        yield made
        catch_up(made)
        assert list(differences_of(made.database.service)) == []


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != FULL_DISK])
def test_nothing_is_lost(a_rig: Rig, fault: str) -> None:
    if reason := missing(fault):
        pytest.skip(reason)
    report = run(a_rig, fault, 1, SECONDS, mix=RESTING, rows=False)
    assert report.broken == []
    assert report.acknowledged >= 20
    assert report.reads > 0


def test_nothing_is_lost_on_a_full_disk(tmp_path: Path) -> None:
    try:
        with small_disk(tmp_path / "disk") as disk, rig(tmp_path, disk) as made:
            report = run(made, FULL_DISK, 1, SECONDS, mix=RESTING)
    except CannotMount as reason:
        pytest.skip(f"no small disk can be mounted here: {reason}")
    assert report.broken == []
    assert report.acknowledged >= 20
