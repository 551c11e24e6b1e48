"""Fixtures of tests with a model that summarises."""

from collections.abc import Iterator

import pytest

from tests.services.compaction.models import Model, running_model


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with running_model() as made:
        yield made
