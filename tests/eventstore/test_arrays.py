"""Hand-made arrays: PostgreSQL reads in them what was put in."""

from typing import Any

import pytest
from psycopg.errors import CharacterNotInRepertoire

from eventstore import arrays
from eventstore.connect import connect_async
from tests.servers import Database

TEXTS: list[str | None] = ["", "a", None, "é\u2028🙂", "{}", '"', "NULL", "x" * 100_000]
BYTEAS: list[bytes | None] = [b"", b"\0\xff\\", None, b"y" * 100_000]
BIGINTS = [0, 1, -1, 2**63 - 1, -(2**63)]


async def _sent(database: Database, kind: str, value: arrays.Array) -> Any:
    async with await connect_async(database.service, name="test") as connection:
        arrays.teach(connection)
        cursor = connection.cursor(binary=True)
        await cursor.execute(f"SELECT %(value)b::{kind}[]", {"value": value}, prepare=True)
        row = await cursor.fetchone()
    assert row is not None
    return row[0]


async def test_what_is_sent_arrives(database: Database) -> None:
    assert await _sent(database, "text", arrays.texts(TEXTS)) == TEXTS
    assert await _sent(database, "bytea", arrays.byteas(BYTEAS)) == BYTEAS
    assert await _sent(database, "bigint", arrays.bigints(BIGINTS)) == BIGINTS


async def test_an_empty_column_is_an_empty_array(database: Database) -> None:
    assert await _sent(database, "text", arrays.texts([])) == []
    assert await _sent(database, "bytea", arrays.byteas([])) == []
    assert await _sent(database, "bigint", arrays.bigints([])) == []


async def test_what_no_text_column_holds_is_refused_by_the_server(database: Database) -> None:
    with pytest.raises(CharacterNotInRepertoire):
        await _sent(database, "text", arrays.texts(["a\0b"]))
