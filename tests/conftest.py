"""Fixtures of all tests."""

import os
from pathlib import Path

import pytest

from tests.servers import database, empty_database, nats_server, postgres

__all__ = ["database", "empty_database", "nats_server", "postgres", "shared_data"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real conversations beside the checkout; they are not part of the project."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("VERBATIM_SHARED_DATA", default))
    if not (folder / "tau-airline.jsonl").exists():
        pytest.skip(f"no real conversations in {folder}")
    return folder
