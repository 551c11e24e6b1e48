"""Exports of what is very long: `python -m bench.export [--short]`.

200,000 messages in one conversation, and a user with 10,000 conversations: how fast they are sent, what the query process
holds at most, and whether everything else answers beside them. Markdown on standard output, progress on standard error.
"""

import argparse
import asyncio
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import uvloop

from bench.serving import WORKSPACE, Process, make_key, process
from bench.support import machine, server, table, tell
from deploy.embedded.postgres import EmbeddedPostgres
from domain.commands import AppendMessages, NewMessage, StartConversation
from domain.envelope import Meta
from domain.ids import stream_id
from domain.policy import CompactionPolicy
from eventstore.follower import Follower
from eventstore.reader import LogReader
from eventstore.states import States
from eventstore.writer import GroupCommitWriter
from projections.registry import GROUPS, NAMES
from projections.runner import Runner
from projections.verify import verify
from services.command.handle import Handler, Order

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG, USER = "long", "many"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a tenth of it; marked as such")
    given = parser.parse_args()
    messages, conversations = (20_000, 1_000) if given.short else (200_000, 10_000)
    print(f"`python -m bench.export`{' **short**' if given.short else ''}: {machine()}\n")
    with server() as postgres:
        tell(f"writing {messages:,} messages, {conversations:,} conversations")
        uvloop.run(_fill(postgres.database_url, messages, conversations))
        _take_in(postgres.database_url)
        key = make_key(postgres)
        with process("query", postgres, VERBATIM_READ_WAIT_SECONDS="30") as at:
            headers = {"Authorization": f"Bearer {key}"}
            with httpx.Client(base_url=at.address, headers=headers, timeout=600) as client:
                table(
                    ["export", "format", "MB", "seconds", "idle, MiB", "peak, MiB", "growth, MiB"],
                    _exports(client, at),
                )
                table(["beside it", "ms"], _others(client, messages))
        table(["verified", "rows", "differences", "seconds"], _verified(postgres))


async def _fill(dsn: str, messages: int, conversations: int) -> None:
    writer, reader = GroupCommitWriter(dsn), LogReader(dsn)
    await writer.start()
    await reader.start()
    handler = Handler(writer, States(reader, cached=100))
    await handler.handle(_order(LONG, _start("one")))
    for start in range(0, messages, 100):
        await handler.handle(_order(LONG, _said(range(start, start + 100))))
    for start in range(0, conversations, 50):
        await asyncio.gather(*(_short(handler, n) for n in range(start, start + 50)))
    await writer.stop()
    await reader.stop()


async def _short(handler: Handler, number: int) -> None:
    await handler.handle(_order(f"c{number}", _start(USER)))
    await handler.handle(_order(f"c{number}", _said(range(4))))


def _start(user: str) -> StartConversation:
    return StartConversation(
        source="api", compaction=CompactionPolicy(), created_at=NOW, user_id=user
    )


def _said(numbers: range) -> AppendMessages:
    return AppendMessages(tuple(_message(number) for number in numbers))


def _message(number: int) -> NewMessage:
    text = f"order {number} " + "lorem ipsum dolor sit amet " * 14
    content = msgspec.Raw(msgspec.json.encode(text))
    return NewMessage(uuid4().hex, "user", content, 90, 0, 90, "o200k_base", NOW)


def _order(name: str, command: StartConversation | AppendMessages) -> Order:
    return Order(stream_id(WORKSPACE, name), command, Meta("", NOW, uuid4().hex, "bench"))


def _take_in(dsn: str) -> None:
    for group in GROUPS:
        tell(f"taking in: {group.name}")
        follower = Follower(dsn, page=2_000)
        runner = Runner(dsn, group, page=2_000, stop=threading.Event())
        runner.prepare(follower)
        while runner.step(follower):
            pass
        follower.close()


def _exports(client: httpx.Client, at: Process) -> list[list[str]]:
    rows: list[list[str]] = []
    paths = {"one conversation": f"{LONG}/export", "a user's": f"export/user/{USER}"}
    for form in ("json", "jsonl", "markdown"):
        _export(client, f"c1/export?format={form}")  # what is made once
    for what, path in paths.items():
        for form in ("json", "jsonl", "markdown"):
            idle = at.resident_mib()
            Path(f"/proc/{at.pid}/clear_refs").write_text("5", "ascii")  # the peak begins anew
            started = time.perf_counter()
            size = _export(client, f"{path}?format={form}&include_events=true")
            seconds = time.perf_counter() - started
            peak = _peak_mib(at.pid)
            rows.append([what, form, f"{size / 1e6:,.0f}", f"{seconds:.1f}", f"{idle:.0f}", f"{peak:.0f}", f"{peak - idle:.0f}"])  # fmt: skip
            tell(f"  {rows[-1]}")
    return rows


def _export(client: httpx.Client, path: str) -> int:
    size, last = 0, b""
    with client.stream("GET", f"/conversations/{path}") as answer:
        answer.raise_for_status()
        for piece in answer.iter_bytes():
            size += len(piece)
            last = (last + piece)[-300:]
    assert b"counts" in last or b"End of the export" in last, last
    return size


def _peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def _others(client: httpx.Client, messages: int) -> list[list[str]]:
    """While the long conversation is being exported."""
    exporting = threading.Thread(target=_export, args=(client, f"{LONG}/export"))
    exporting.start()
    asked = {
        "the conversation, its newest 200 messages": f"/{LONG}?message_limit=200",
        "its messages, the first 200": f"/{LONG}/messages?limit=200",
        "its messages, the last 200": f"/{LONG}/messages?limit=200&order=desc",
        "its events": f"/{LONG}/events?limit=200&from_version={messages // 2}",
        "search, one message": f"/search?q=order+{messages // 2}",
        "search, a word of every message": "/search?q=lorem",
        "search, a phrase of every message": "/search?q=%22lorem+ipsum%22+dolor",
        "the user's list": f"?user_id={USER}&limit=100",
        "the user's statistics": f"/stats?user_id={USER}",
    }
    rows: list[list[str]] = []
    for what, path in asked.items():
        started = time.perf_counter()
        client.get(f"/conversations{path}").raise_for_status()
        rows.append([what, f"{(time.perf_counter() - started) * 1_000:.0f}"])
        tell(f"  {rows[-1]}")
    exporting.join()
    return rows


def _verified(postgres: EmbeddedPostgres) -> list[list[str]]:
    rows: list[list[str]] = []
    for name in NAMES:
        started = time.perf_counter()
        verdict = verify(postgres.database_url, name, page=2_000, tell=_quietly)
        took = f"{time.perf_counter() - started:.0f}"
        rows.append([name, f"{verdict.rows:,}", str(len(verdict.differences)), took])
        tell(f"  {rows[-1]}")
    return rows


def _quietly(name: str, position: int, upto: int) -> None:
    del name, position, upto


if __name__ == "__main__":
    main()
