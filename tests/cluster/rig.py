"""The rig of the faults on a cluster: the same processes on servers of which one may be lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eventstore.migrate import migrate
from tests.cluster.nats import NODES, NatsCluster
from tests.cluster.postgres import Pair
from tests.faults.rig import BUSY, COMMANDS, FOLLOWERS, QUERIES, Rig
from tests.servers import Database


class ClusterRig(Rig):
    """`nats` of the base is all nodes together, `postgres` the primary of the start."""

    def __init__(self, *given: Any, pair: Pair, cluster: NatsCluster) -> None:
        super().__init__(*given)
        self.pair = pair
        self.cluster = cluster


@contextmanager
def cluster_rig(folder: Path) -> Iterator[ClusterRig]:
    """All of it ready."""
    names = (*COMMANDS, *QUERIES, *FOLLOWERS)
    settings = BUSY | {"VERBATIM_STREAM_REPLICAS": str(len(NODES))}
    with NatsCluster(folder / "nats") as cluster:
        pair = Pair(folder)
        try:
            postgres = pair.primary.postgres
            migrate(postgres.migrate_database_url)
            database = Database(
                "verbatim",
                pair.url(postgres.database_url),
                pair.url(postgres.migrate_database_url),
                pair.url(postgres.superuser_url),
            )
            made = ClusterRig(
                folder, postgres, cluster, database, names, settings, pair=pair, cluster=cluster
            )
            try:
                for name in names:
                    made.start(name)
                made.wait_all()
                yield made
            finally:
                made.stop()
        finally:
            pair.stop()
