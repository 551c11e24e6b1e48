"""docs/subscribers.md: its commands, run as they stand there, beside a relay; and its examples, killed and started again."""

import asyncio
import re
import shlex
from collections import Counter
from pathlib import Path

import duckdb

from deploy.embedded.nats import EmbeddedNats
from tests.docs.following import (
    COUNT,
    DOCS,
    PARQUET,
    appended,
    counting,
    loaded,
    log,
    run,
    tokens,
    told,
)
from tests.projections.relay.conftest import server
from tests.projections.relay.support import GrowingLog, filled
from tests.running import wait_until
from tests.servers import Database

__all__ = ["log", "server"]


def commands() -> list[list[str]]:
    """Those of the document that run a program."""
    blocks = re.findall(r"```sh\n(.*?)\n```", (DOCS / "subscribers.md").read_text("utf-8"))
    return [shlex.split(block) for block in blocks if block.startswith(".venv/bin/python ")]


async def test_the_commands_run_as_written(
    database: Database, server: EmbeddedNats, log: GrowingLog, tmp_path: Path
) -> None:
    (tmp_path / "docs").symlink_to(DOCS)
    count, since, parquet, query = commands()
    await run(server, tmp_path, *count[1:])
    assert told(tmp_path / "counts.json")["tokens"] == tokens(appended(database))
    await run(server, tmp_path, *since[1:])
    assert told(tmp_path / "since.json")["tokens"] == tokens(appended(database, 100))
    await run(server, tmp_path, *parquet[1:])
    by_role = Counter((workspace, event.role) for workspace, event in appended(database))
    shown = await run(server, tmp_path, *query[1:])
    for (workspace, role), messages in by_role.items():
        assert re.search(rf"{workspace}\s.*{role}\s.*\s{messages}\s", shown), shown


async def test_counts_survive_kills(
    database: Database, server: EmbeddedNats, log: GrowingLog, tmp_path: Path
) -> None:
    path = tmp_path / "counts.json"
    for _ in range(3):
        before = told(path)["position"] if path.exists() else 0
        with counting(server, path):
            log.grow(60)
            await asyncio.to_thread(
                wait_until, lambda before=before: path.exists() and told(path)["position"] > before
            )
    log.grow()
    await filled(server, log.head)
    await run(server, tmp_path, COUNT, path, "--once")
    assert told(path)["tokens"] == tokens(appended(database))


async def test_parquet_survives_kills(
    database: Database, server: EmbeddedNats, log: GrowingLog, tmp_path: Path
) -> None:
    folder = tmp_path / "messages"
    await run(server, tmp_path, PARQUET, folder, "--once")
    (folder / "000000000001-000000999999.parquet.new").write_bytes(b"cut off")
    log.grow()
    await filled(server, log.head)
    await run(server, tmp_path, PARQUET, folder, "--once")
    assert len(list(folder.glob("*.parquet"))) == 2
    rows = duckdb.sql(
        f"SELECT position, workspace, role, input_tokens, output_tokens FROM '{folder}/*.parquet'"
        " ORDER BY position"
    ).fetchall()
    assert [row[1:] for row in rows] == [
        (workspace, event.role, event.input_tokens, event.output_tokens)
        for workspace, event in appended(database)
    ]
    assert len({row[0] for row in rows}) == len(rows)


def test_what_is_delivered_twice_counts_once(tmp_path: Path) -> None:
    module = loaded(COUNT)
    counts = module.Counts(tmp_path / "counts.json", 1)
    data = {"created_at": "2026-01-01T00:00:00Z", "input_tokens": 3, "output_tokens": 0}
    events = [
        {"position": str(n), "source": "/workspaces/acme/conversations/c", "data": each}
        for n, each in enumerate([data, None, data], 1)
    ]
    for event in [*events, *events]:
        counts.take(event)
    assert counts.tokens == {"acme": {"2026-01-01": {"input": 6, "output": 0}}}
    assert counts.position == 3
