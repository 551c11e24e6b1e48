"""One short run of what a cluster must bear; `python -m tests.cluster` is the long one."""

from collections.abc import Iterator

import pytest

from tests.cluster.faults import CLUSTER_FAULTS
from tests.cluster.rig import ClusterRig, cluster_rig
from tests.faults.clients import RESTING
from tests.faults.driver import run

SHORT = ("kill the stream's leader", "promote the standby")
"""The others take as long again."""


@pytest.fixture(scope="module")
def a_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterRig]:
    with cluster_rig(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.mark.parametrize("fault", SHORT)
def test_nothing_is_lost(a_cluster: ClusterRig, fault: str) -> None:
    report = run(a_cluster, fault, 1, 1.0, CLUSTER_FAULTS[fault], mix=RESTING)
    assert report.broken == []
    assert report.acknowledged >= 20
    assert report.reads > 0
