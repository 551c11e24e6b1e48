"""docs/subscribers.md: its commands, run as they stand there, beside a relay; and its examples, killed and started again."""

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import nats
import pytest
from nats.errors import ConnectionClosedError

from deploy.embedded.folder import free_port
from deploy.embedded.nats import EmbeddedNats
from domain.events import MessageAppended
from eventstore.mapper import EventMapper
from projections.relay.refill import refill
from tests.projections.relay.conftest import server
from tests.projections.relay.support import GrowingLog, filled, log_rows, relaying, wired
from tests.running import wait_until
from tests.servers import Database, running_nats

__all__ = ["server"]

DOCS = Path(__file__).resolve().parents[2] / "docs"
COUNT, PARQUET = DOCS / "examples" / "count_tokens.py", DOCS / "examples" / "write_parquet.py"


def commands() -> list[list[str]]:
    """Those of the document that run a program."""
    blocks = re.findall(r"```sh\n(.*?)\n```", (DOCS / "subscribers.md").read_text("utf-8"))
    return [shlex.split(block) for block in blocks if block.startswith(".venv/bin/python ")]


@pytest.fixture
async def log(database: Database, server: EmbeddedNats) -> AsyncIterator[GrowingLog]:
    """A live relay's, of which a part is there."""
    log = GrowingLog(database, 61, commands=2_000)
    log.grow(700)
    async with relaying(wired(database, server)):
        await filled(server, log.head)
        yield log


async def run(server: EmbeddedNats, folder: Path, *arguments: str | Path) -> str:
    """A program to its end; what it printed."""
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"VERBATIM_NATS_URL": server.nats_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@contextmanager
def counting(server: EmbeddedNats, path: Path, program: Path = COUNT) -> Iterator[None]:
    """The counting example, or another, killed at the end."""
    environ = os.environ | {"VERBATIM_NATS_URL": server.nats_url}
    process = subprocess.Popen([sys.executable, program, path], env=environ)
    try:
        yield
        assert process.poll() is None, "it ended by itself"
    finally:
        process.kill()
        process.wait()


def appended(database: Database, first: int = 1) -> list[tuple[str, MessageAppended]]:
    """Workspace and event, from the log itself."""
    mapper = EventMapper()
    found = [mapper.recorded(row) for row in log_rows(database)[first - 1 :]]
    return [(r.workspace, r.event) for r in found if isinstance(r.event, MessageAppended)]


def tokens(events: list[tuple[str, MessageAppended]]) -> Any:
    counted: dict[str, dict[str, dict[str, int]]] = {}
    for workspace, event in events:
        day = f"{event.created_at:%Y-%m-%d}"
        sums = counted.setdefault(workspace, {}).setdefault(day, {"input": 0, "output": 0})
        sums["input"] += event.input_tokens
        sums["output"] += event.output_tokens
    return counted


def told(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


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


async def test_a_restarted_and_a_refilled_server_change_nothing(
    database: Database, tmp_path: Path
) -> None:
    """It goes on by its own position, on a server that has forgotten its consumer."""
    log = GrowingLog(database, 62, commands=600)
    log.grow(200)
    path = tmp_path / "counts.json"
    with running_nats(tmp_path / "nats") as server:
        await refill(wired(database, server), lambda *_: None)
        with counting(server, path):
            await asyncio.to_thread(wait_until, path.exists)
            server.stop()
            await asyncio.to_thread(server.start)
            log.grow()
            await refill(wired(database, server), lambda *_: None)
            whole = tokens(appended(database))
            await asyncio.to_thread(
                wait_until,
                lambda: told(path)["tokens"] == whole,
                otherwise=lambda: f"{told(path)} of {whole}",
            )


async def forget_consumer(server: EmbeddedNats) -> None:
    """As soon as there is one; as a server does that lost its disk, while a pull request waits."""
    async with await nats.connect(server.nats_url) as client, asyncio.timeout(30):
        js = client.jetstream()
        while not (consumers := await js.consumers_info("VERBATIM_EVENTS")):  # noqa: ASYNC110 - it is another process's
            await asyncio.sleep(0.05)
        for consumer in consumers:
            await js.delete_consumer("VERBATIM_EVENTS", consumer.name)


@pytest.mark.parametrize("program", [COUNT, PARQUET])
async def test_a_forgotten_consumer_is_made_anew(
    program: Path, database: Database, server: EmbeddedNats, log: GrowingLog, tmp_path: Path
) -> None:
    path = tmp_path / "results"
    with counting(server, path, program):
        await forget_consumer(server)
        log.grow()
        await filled(server, log.head)
        last = await asyncio.to_thread(lambda: appended(database))
        if program is COUNT:
            await asyncio.to_thread(wait_until, lambda: told(path)["tokens"] == tokens(last))
        else:
            await asyncio.to_thread(wait_until, lambda: rows_of(path) == len(last))


def rows_of(folder: Path) -> int:
    files = list(folder.glob("*.parquet"))
    return sum(duckdb.read_parquet(str(file)).count("*").fetchall()[0][0] for file in files)


def loaded(program: Path) -> ModuleType:
    spec = spec_from_file_location(program.stem, program)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("program", [COUNT, PARQUET])
async def test_a_client_that_is_closed_is_not_tried_for_ever(
    program: Path, server: EmbeddedNats
) -> None:
    client = await nats.connect(server.nats_url)
    js = client.jetstream()
    await client.close()
    module = loaded(program)
    place = module.Counts(Path("none"), 1) if program is COUNT else 1
    with pytest.raises(ConnectionClosedError):
        async with asyncio.timeout(30):
            await module.renew(js, place)


@pytest.mark.parametrize("program", [COUNT, PARQUET])
def test_a_server_that_is_not_there_is_told_in_a_line(program: Path, tmp_path: Path) -> None:
    """And waited for: the program goes on until it is there."""
    process = subprocess.Popen(
        [sys.executable, program, tmp_path / "results"],
        env=os.environ | {"VERBATIM_NATS_URL": f"nats://127.0.0.1:{free_port()}"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(2)]
    finally:
        process.kill()
        process.communicate()
    assert all(line.startswith("NATS: ") and "Connect call failed" in line for line in lines), lines


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
