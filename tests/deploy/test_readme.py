"""The README is true: its tour runs as it stands there, its table of settings is the program's."""

import os
import sys
from pathlib import Path

from deploy.embedded.folder import free_port
from services.cli.config import table
from tests import readme
from tests.conftest import SHARED_DATA
from tests.running import output_of, ready_dev, start_dev, stop_dev, wait_until

README = readme.README.read_text("utf-8")


def test_the_table_of_settings_is_the_program_s() -> None:
    """`make docs` brings it up to date."""
    assert readme.section("Settings", README).count(table()) == 1


def test_the_tour(tmp_path: Path) -> None:
    """With the real conversations, where they are at hand."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    data = tmp_path / ".verbatim"
    environ = {name: value for name, value in os.environ.items() if "VERBATIM" not in name}
    environ["DATA"] = str(SHARED_DATA)
    titles = readme.WITH_DATA if SHARED_DATA.exists() else readme.WALKED
    port = str(free_port())
    running = []

    def start() -> str:
        for earlier in running:
            earlier.wait(30)
        before = len(output_of(data)) if running else 0
        running.append(start_dev(data, VERBATIM_PORT=port))
        ready_dev(data, running[-1])
        wait_until(lambda: "Ctrl-C" in output_of(data)[before:])  # the last line of what it prints
        return output_of(data)[before:]

    try:
        steps = list(readme.walk(README, tmp_path, environ, start, titles))
    finally:
        for process in running:
            stop_dev(process)
    assert len(running) == 2  # the tour ends it by kill -9 and starts it again
    for step in steps:
        assert step.as_told, f"{step.step.script}\n{step.printed}"
