"""A command line a test; one that is set to the running service."""

from pathlib import Path

import pytest

from tests.services.cli.support import CommandLine, at
from tests.services.support import Api


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture
def verbatim(cli: CommandLine, api: Api) -> CommandLine:
    return at(cli, api)
