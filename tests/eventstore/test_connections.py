"""The reading connections: how values are given and how statements are planned."""

from typing import Any

import pytest

from eventstore.reader import Connections, Plans
from tests.servers import Database

MODE = b"SELECT current_setting('plan_cache_mode')"


async def test_a_connection_plans_as_each_statement_asks(database: Database) -> None:
    connections = Connections(database.service, name="test", size=1)
    await connections.start()
    asked: list[Plans] = [
        "auto",
        "force_generic_plan",
        "force_generic_plan",
        "force_custom_plan",
        "auto",
    ]
    assert [await connections.fetch(MODE, {}, plans) for plans in asked] == [
        [(plans,)] for plans in asked
    ]
    assert await connections.fetch(MODE, {}) == [("auto",)]
    await connections.stop()


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (b"SELECT %(text)s::text, %(several)s::text[]", {"text": "50 %", "several": ["a", "b"]}),
        (b"SELECT $1::text, $2::text[]", ["50 %", ["a", "b"]]),
    ],
)
async def test_values_by_name_and_by_number(
    database: Database, statement: bytes, values: dict[str, Any] | list[Any]
) -> None:
    connections = Connections(database.service, name="test", size=1)
    await connections.start()
    assert await connections.fetch(statement, values) == [("50 %", ["a", "b"])]
    await connections.stop()
