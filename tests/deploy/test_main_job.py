"""The main job on real input: imported into a running `verbatim dev`, read back, killed, started, still there."""

import os
import subprocess
import sys
from pathlib import Path

from tests.deploy.support import client, descendants, kill_all
from tests.real import check_that_all_came_back
from tests.running import RunningDev, running_dev

FILES = ("swe-agent.jsonl", "tau-airline.jsonl")


def bring(dev: RunningDev, file: Path) -> str:
    """`verbatim import`, which finds the service by its `dev.json`."""
    kept = {name: value for name, value in os.environ.items() if "VERBATIM" not in name}
    ended = subprocess.run(
        [sys.executable, "-m", "services.cli", "import", file],
        env=kept | {"VERBATIM_DATA_DIR": str(dev.path)},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def check(dev: RunningDev, shared_data: Path) -> None:
    with client(dev) as http:
        found = [check_that_all_came_back(http, shared_data / name) for name in FILES]
        conversations, messages = map(sum, zip(*found, strict=True))
        listed = []
        cursor = {}
        while True:
            page = http.get("conversations", params={"limit": 100, **cursor}).json()
            listed += page["data"]
            if not page["has_more"]:
                break
            cursor = {"cursor": page["next_cursor"]}
    assert conversations == len(listed) == 124
    assert sum(conversation["message_count"] for conversation in listed) == messages


def test_real_conversations_outlive_everything(tmp_path: Path, shared_data: Path) -> None:
    with running_dev(tmp_path / "data") as dev:
        told = [bring(dev, shared_data / name) for name in FILES]
        assert told[0].startswith("4 conversations with ")
        assert told[1].startswith("120 conversations with 3636 messages imported, 0 unchanged")
        check(dev, shared_data)
        kill_all([dev.process.pid, *descendants(dev.process.pid)])
        dev.process.wait()
    with running_dev(tmp_path / "data") as again:
        check(again, shared_data)
        assert bring(again, shared_data / FILES[1]).startswith("0 conversations with 0 messages")
