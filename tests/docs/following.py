"""The examples of docs/subscribers.md as processes beside a live relay, and what they make of its log."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest

from deploy.embedded.nats import EmbeddedNats
from domain.events import MessageAppended
from eventstore.mapper import EventMapper
from tests.projections.relay.conftest import server
from tests.projections.relay.support import GrowingLog, filled, log_rows, relaying, wired
from tests.servers import Database

__all__ = ["server"]

DOCS = Path(__file__).resolve().parents[2] / "docs"
COUNT, PARQUET = DOCS / "examples" / "count_tokens.py", DOCS / "examples" / "write_parquet.py"


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
