"""A command line a test."""

from pathlib import Path

import pytest

from tests.services.cli.support import CommandLine


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)
