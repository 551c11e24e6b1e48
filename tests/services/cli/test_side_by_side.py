"""Several groups of read models under one command."""

import os
import signal
import subprocess
import sys

from eventstore.connect import connect
from projections.leading import unled
from projections.registry import GROUPS
from tests.deploy.support import all_gone, descendants
from tests.running import wait_until
from tests.servers import Database

PROGRAM = """
import sys
from projections.registry import GROUPS
from services.cli.side_by_side import run_side_by_side
run_side_by_side(GROUPS, sys.argv[1])
"""


def test_a_child_each_that_is_started_again_and_stops_with_its_owner(database: Database) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, database.service],
        env=os.environ | {"VERBATIM_LOG_LEVEL": "error"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with connect(database.service, name="test") as connection:
            wait_until(lambda: unled(connection) == [])
            children = descendants(process.pid)
            assert len(children) == len(GROUPS)
            victim = children.pop()
            os.kill(victim, signal.SIGKILL)
            wait_until(
                lambda: victim not in (now := descendants(process.pid)) and len(now) == len(GROUPS)
            )
            wait_until(lambda: unled(connection) == [])
        children = descendants(process.pid)
        process.terminate()
        assert process.wait(20) == 0
        all_gone(children)
    finally:
        process.kill()
        _, told = process.communicate()
    assert "started again" in told
