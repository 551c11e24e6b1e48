"""Fixtures of all tests."""

from functools import cache
from pathlib import Path

import httpx
import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from httpx._transports import default as httpx_transports

from tests.servers import database, empty_database, nats_server, postgres, shared_nats
from tests.variables import taken

__all__ = ["database", "empty_database", "nats_server", "postgres", "shared_data", "shared_nats"]

SHARED_DATA = Path(taken("SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
"""Real conversations beside the checkout; they are not part of the project."""

for phase in (
    "connect",
    "read",
    "write",
    "pool",
):  # five seconds are few where the other core is busy, too
    setattr(DEFAULT_TIMEOUT_CONFIG, phase, 60.0)

# Each client reads all certificates of the machine's trust, for longer than most requests here take: once is enough.
httpx.create_ssl_context = httpx_transports.create_ssl_context = cache(httpx.create_ssl_context)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not (SHARED_DATA / "tau-airline.jsonl").exists():
        pytest.skip(f"no real conversations in {SHARED_DATA}")
    return SHARED_DATA


LONGEST = (
    "tests/faults/",
    "tests/services/http/test_openapi",
    "tests/hostile/",
    "tests/deploy/",
    "tests/cluster/",
    "tests/agreement/",
    "tests/services/query/test_pairs",
    "tests/services/query/test_export_memory",
    "tests/projections/test_",
)
"""Begun first, so that no worker is left with one of them when the other has nothing more to do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(
        key=lambda item: next(
            (n for n, start in enumerate(LONGEST) if item.nodeid.startswith(start)), len(LONGEST)
        )
    )
