"""What `python -m tests.deploy.docs_offline` takes for staying on the machine."""

import pytest

from tests.deploy.docs_offline import stays

ORIGIN = "http://127.0.0.1:8080"


@pytest.mark.parametrize("asked", [f"{ORIGIN}/docs", "data:image/png;base64,AA==", f"blob:{ORIGIN}/1"])  # fmt: skip
def test_its_own(asked: str) -> None:
    assert stays(asked, ORIGIN)


@pytest.mark.parametrize(
    "asked",
    [
        "https://validator.swagger.io/validator",
        "http://127.0.0.1:8081/docs",
        "https://127.0.0.1:8080/docs",
        "http://127.0.0.1:8080.evil.example/",
        "ws://127.0.0.1:8080/",
        "//fonts.example/x.woff",
    ],
)
def test_others(asked: str) -> None:
    assert not stays(asked, ORIGIN)
