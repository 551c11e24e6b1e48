"""`verbatim command`, `query`, `gateway`: processes that serve until they are told to end."""

import json
import os
import re
import subprocess
import sys

import httpx
import pytest

from tests.servers import Database
from tests.services.cli.support import CommandLine

LISTENS = re.compile(r"(\w+) listens on (http://127\.0\.0\.1:[0-9]+)")


@pytest.mark.parametrize("room", ["command", "query", "gateway"])
def test_it_says_where_it_listens(room: str, cli: CommandLine, database: Database) -> None:
    cli.set(database_url=database.service, port=0)
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli", room],
        env=os.environ | cli.environ,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        first = json.loads(process.stderr.readline())
        found = LISTENS.fullmatch(first["message"])
        assert found is not None, first
        assert found[1] == room
        assert httpx.get(f"{found[2]}/health/live", trust_env=False).status_code == 200
        process.terminate()
        process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
