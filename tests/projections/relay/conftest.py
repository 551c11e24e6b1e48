"""The NATS server under a short name."""

import pytest

from deploy.embedded.nats import EmbeddedNats


@pytest.fixture
def server(nats_server: EmbeddedNats) -> EmbeddedNats:
    return nats_server
