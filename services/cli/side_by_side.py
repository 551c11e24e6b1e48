"""Several groups of read models under one `verbatim projections run`: a child each, so that all cores are used."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.embedded.child import spawn
from deploy.processes import Child, Supervisor
from eventstore.connect import check_server
from projections.registry import Group
from services.cli.common import tell
from services.settings import PREFIX


def run_side_by_side(groups: Sequence[Group], database_url: str) -> None:
    """Until a signal; a child that ends is started again. Raises what the database raises."""
    check_server(database_url)
    children = [_child(group, database_url, first=group is groups[0]) for group in groups]
    supervisor = Supervisor(children, tell=tell)
    supervisor.handle_signals()
    try:
        supervisor.start()
        supervisor.run()
    finally:
        supervisor.stop()


def _child(group: Group, database_url: str, *, first: bool) -> Child:
    environ = os.environ | {f"{PREFIX}DATABASE_URL": database_url}
    if not first:
        environ[f"{PREFIX}METRICS_PORT"] = "0"  # the port is the first one's

    def start() -> subprocess.Popen[bytes]:
        return spawn(
            [sys.executable, "-m", "services.cli", "projections", "run", group.name],
            death_signal=signal.SIGTERM,
            output=None,
            environ=environ,
            folder=Path.cwd(),
        )

    # Whether it leads or stands by, it is well as long as it runs.
    return Child(f"projections of {group.name}", start, lambda: True, waits=False)
