"""No service is told of a variable that is for the tests only: it would refuse to start."""

import os

import pytest

from tests.variables import taken


def test_a_services_environment_holds_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTS_EXAMPLE", "")
    assert not taken("EXAMPLE")
    monkeypatch.setenv("VERBATIM_EXAMPLE", "/a/folder")
    assert taken("EXAMPLE") == "/a/folder"
    assert "VERBATIM_EXAMPLE" not in os.environ
    assert taken("EXAMPLE") == "/a/folder", "a worker, which inherits what its parent took"


def test_none_of_the_suites_own_is_left() -> None:
    assert not {"VERBATIM_TEST_POSTGRES", "VERBATIM_SHARED_DATA"} & os.environ.keys()
