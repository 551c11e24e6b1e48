"""`docs/contract-tests.md`: every promise names tests that exist, every operation is listed."""

import re
from pathlib import Path

from domain.refusals import Refusal
from services.http.errors import REFUSALS
from tests.services.http.contract import operations
from tests.services.support import Api

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/contract-tests.md").read_text("utf-8")
NAMED = re.compile(r"`([a-z_/]+\.py)::(test_\w+)`")


def test_every_test_that_is_named_exists() -> None:
    named = set(NAMED.findall(PAGE))
    assert len(named) > 80
    missing = [
        f"{path}::{name}"
        for path, name in named
        if f"def {name}(" not in (ROOT / "tests" / path).read_text("utf-8")
    ]
    assert not missing


def test_every_line_names_a_test() -> None:
    rows = [
        line for line in PAGE.splitlines() if line.startswith("| ") and "tests" not in line[:60]
    ]
    assert len(rows) > 60
    assert not [row for row in rows if not NAMED.search(row)]


def test_every_operation_is_listed(api: Api) -> None:
    listed = re.findall(r"^\| `([A-Z]+ /v1/\S+)` \|", PAGE, re.MULTILINE)
    assert sorted(listed) == sorted(str(operation) for operation in operations(api))


def test_every_refusal_has_a_status() -> None:
    assert set(REFUSALS) == set(Refusal.__subclasses__())
