"""`verbatim import`: conversations from a JSONL file, over the HTTP API."""

import asyncio
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import BinaryIO

import msgspec
import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from services.cli.common import CannotStart
from services.cli.common import settings as load_settings
from services.cli.endings import INTERRUPTED, NOT_DONE
from services.cli.exported import Conversations
from services.cli.helping import Command
from services.cli.importing import ImportClient, Report, Stopped
from services.cli.lines import BadLine
from services.cli.numbered import numbered_lines
from services.cli.target import http_target

EVERY_SECONDS = 5.0
"""Between two lines of progress where there is no terminal."""


class Summary(msgspec.Struct):
    """What became of the file."""

    conversations: int = 0
    """Imported now."""
    unchanged: int = 0
    """Imported before, and the same."""
    messages: int = 0
    """Appended now."""
    failed: int = 0
    seconds: float = 0.0


@click.command("import", cls=Command)
@click.argument("file", type=click.File("rb"))
@click.option(
    "--concurrency",
    default=8,
    show_default=True,
    type=click.IntRange(1, 64),
    help="How many conversations are sent side by side.",
)
@click.option("--json", "as_json", is_flag=True, help="The summary as one JSON object.")
def import_file(file: BinaryIO, concurrency: int, as_json: bool) -> None:
    """Import conversations: one a line, {"id": …, "messages": [OpenAI chat messages]}; - is standard input.

    Importing a file again changes nothing; an import that was cut off goes on where it was. A line that
    cannot be imported is reported by its number, and the others go on.

    A line may also have title, user_id, assistant_id, metadata, source and created_at, a message its own id, created_at,
    model, finish_reason, input_tokens, output_tokens, cost_cents and metadata; what else it has goes into its `extra`.
    A conversation or message without an id gets one made from its content.

    What `verbatim export` wrote as json or jsonl is read back, too: texts, times, pins, metadata, archived and deleted
    ones as they were. Summaries are not: they are made again when they are needed. Before a result whose call was
    retracted a call is put, and retracted.

    Exit codes: 0 all imported, 1 not all, 2 could not start.

    Example:
      verbatim import chats.jsonl

    """
    base_url, api_key = http_target(load_settings())
    summary = Summary()
    try:
        asyncio.run(_import(file, base_url, api_key, concurrency, summary))
    except KeyboardInterrupt:
        click.echo("interrupted; run the same command again to go on", err=True)
        raise SystemExit(INTERRUPTED) from None
    if as_json:
        click.echo(msgspec.json.encode(summary))
    else:
        click.echo(
            f"{_told(summary)}, {summary.messages / max(summary.seconds, 0.001):,.0f} messages/s"
        )
    raise SystemExit(NOT_DONE if summary.failed else 0)


def _told(summary: Summary) -> str:
    return (
        f"{summary.conversations} conversations with {summary.messages} messages imported,"
        f" {summary.unchanged} unchanged, {summary.failed} failed"
    )


async def _import(
    file: BinaryIO, base_url: str, api_key: str, concurrency: int, summary: Summary
) -> None:
    started = time.monotonic()
    async with ImportClient(base_url, api_key, concurrency) as client:
        refused = await client.check()
        if refused is not None:
            raise CannotStart(refused)
        with _progress(summary) as advance:
            lines = Conversations(await numbered_lines(file))
            reason = None
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(concurrency):
                        group.create_task(_work(lines, client, summary, advance))
            except* Stopped as stopped:
                reason = stopped.exceptions[0]
            if reason is not None:  # raised in the clause, Python 3.11.0 to 3.11.3 would wrap it
                raise click.ClickException(
                    f"{reason}; {_told(summary)}; mend it and run the same command again"
                )
    summary.seconds = round(time.monotonic() - started, 3)


async def _work(
    lines: Conversations, client: ImportClient, summary: Summary, advance: "Advance"
) -> None:
    """Take the next line until there is none; conversations side by side, each in order."""
    while (taken := await lines.next()) is not None:
        number, line = taken
        try:
            if isinstance(line, BadLine):
                raise line
            report: Report = await client.import_line(line)
        except BadLine as error:
            summary.failed += 1
            advance(f"line {number}: {error}")
            continue
        summary.messages += report.appended
        if report.changed:
            summary.conversations += 1
        else:
            summary.unchanged += 1
        advance(None)


class Advance:
    """Shows progress: a bar on a terminal, now and then a line elsewhere."""

    def __init__(self, summary: Summary, progress: Progress | None) -> None:
        self._summary = summary
        self._progress = progress
        self._task = progress.add_task("", total=None) if progress is not None else None
        self._started = self._told = time.monotonic()

    def __call__(self, failure: str | None) -> None:
        now = time.monotonic()
        done = self._summary
        text = (
            f"{done.conversations + done.unchanged} conversations, {done.messages} messages,"
            f" {done.messages / max(now - self._started, 0.001):,.0f} messages/s"
        )
        if failure is not None:
            click.echo(failure, err=True)
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=text)
        elif now - self._told > EVERY_SECONDS:
            self._told = now
            click.echo(text, err=True)


@contextmanager
def _progress(summary: Summary) -> "Generator[Advance]":
    if not sys.stderr.isatty():
        yield Advance(summary, None)
        return
    columns = (BarColumn(20), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Advance(summary, progress)
