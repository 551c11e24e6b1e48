"""A service with a gateway, and the models it talks to."""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest

from services.settings_models import ModelSettings, UpstreamSettings
from tests.servers import Database
from tests.services.gateway.model_server import ModelServer, model_server
from tests.services.support import Api, new_key, projecting, serving


@pytest.fixture(scope="session")
def models() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


def settings_for(models: ModelServer) -> dict[str, Any]:
    return {
        "upstream_base_url": models.base_url,
        "upstream_api_key": "upstream-key",
        "upstream_silence_seconds": 5.0,
        "upstreams": {
            "second": UpstreamSettings(f"{models.address}/elsewhere/v1/"),
            "nowhere": UpstreamSettings("http://127.0.0.1:1/v1"),
        },
        "models": {
            "*": ModelSettings(),
            "priced": ModelSettings(
                input_cents=Decimal(250),
                output_cents=Decimal(1_000),
                cached_input_cents=Decimal(125),
            ),
            "renamed": ModelSettings(sends="its-other-name", upstream="second"),
            "unreachable": ModelSettings(upstream="nowhere"),
        },
    }


@pytest.fixture(scope="module")
def api(module_database: Database, models: ModelServer) -> Iterator[Api]:
    dsn = module_database.service
    key = new_key(dsn, unlimited=True)
    with (
        projecting(dsn),
        serving(dsn, **settings_for(models)) as address,
        closing(Api(address, module_database, key)) as client,
    ):
        yield client
