"""`python -m tests.cluster [--seeds N] [--seconds S] [--only FAULT] [--seed K]`: what a cluster must bear.

Three NATS servers and a PostgreSQL primary with a synchronous standby, on loopback. Progress on standard error, a
table on standard output. A failure names the command that repeats it.
"""

import sys

from tests.cluster.faults import CLUSTER_FAULTS
from tests.cluster.rig import cluster_rig
from tests.faults.__main__ import main

if __name__ == "__main__":
    sys.exit(main("tests.cluster", __doc__, CLUSTER_FAULTS, cluster_rig))
