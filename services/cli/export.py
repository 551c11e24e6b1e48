"""`verbatim export`: a conversation or a user's over the HTTP API, a workspace from the database."""

import asyncio
import os
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import AsyncExitStack, aclosing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import httpx
import rich_click as click

from domain.codec import CodecError
from domain.ids import IDENTIFIER, WORKSPACE
from eventstore.connect import check_server
from eventstore.reader import Connections, LogReader
from services.cli.common import CannotStart, plain_errors
from services.cli.common import settings as load_settings
from services.cli.endings import INTERRUPTED
from services.cli.helping import Command
from services.cli.importing import message_of
from services.cli.progress import progress
from services.cli.target import database_target, http_target
from services.query.export.body import export_body
from services.query.export.formats import writer
from services.query.export.records import Record, Records
from services.query.export.standing import PastLog
from services.query.export.writing import FORMAT, Counts, Format, Head

Tell = Callable[[str, int, int], None]


@click.command(cls=Command)
@click.option("--user", help="All conversations of this user, deleted ones too.")
@click.option("--conversation", help="This conversation.")
@click.option(
    "--workspace", help="All conversations of this workspace, straight from the database."
)
@click.option("--format", "form", type=click.Choice(["json", "jsonl", "markdown"]), default="json", show_default=True, help="Markdown is for people; the others can be imported.")  # fmt: skip
@click.option("--include-events", is_flag=True, help="The events behind it, too.")
@click.option("-o", "--output", default="-", show_default=True, help="A file; - is standard output.")  # fmt: skip
def export(  # noqa: PLR0917 - the options of one command
    user: str | None,
    conversation: str | None,
    workspace: str | None,
    form: Format,
    include_events: bool,
    output: str,
) -> None:
    """Export everything of a conversation, a user or a workspace, as of one position of the log.

    A file appears under its name when it is whole, never before. Each export is recorded: see `verbatim exports`.

    Example:
      verbatim export --user customer-17 -o customer-17.json

    """
    if sum(one is not None for one in (user, conversation, workspace)) != 1:
        raise click.UsageError("give one of --user, --conversation, --workspace")
    found = 1
    try:
        with plain_errors(), progress("exporting") as tell, _whole(output) as file:
            if workspace is not None:
                found = asyncio.run(_from_database(file, workspace, form, include_events, tell))
            else:
                _over_http(file, _path(user, conversation), form, include_events, tell)
    except CodecError as error:
        raise click.ClickException(f"{error}; see `verbatim projections status`") from None
    except KeyboardInterrupt:
        click.echo("interrupted; nothing was kept", err=True)
        raise SystemExit(INTERRUPTED) from None
    if not found:
        click.echo(f"workspace {workspace} has no conversations; check its name", err=True)


def _path(user: str | None, conversation: str | None) -> str:
    if user is not None:
        return f"/conversations/export/user/{quote(user, safe='')}"
    if IDENTIFIER.fullmatch(conversation or "") is None:
        raise click.UsageError("--conversation takes the id of a conversation")
    return f"/conversations/{conversation}/export"


def _over_http(file: BinaryIO, path: str, form: Format, include_events: bool, tell: Tell) -> None:
    base_url, key = http_target(load_settings())
    params = {"format": form, "include_events": str(include_events).lower()}
    headers = {"authorization": f"Bearer {key}"}
    try:
        with (
            httpx.Client(base_url=base_url, headers=headers, timeout=120, trust_env=False) as http,
            http.stream("GET", path, params=params) as answer,
        ):
            if answer.status_code != 200:
                answer.read()
                raise click.ClickException(message_of(answer))
            for piece in answer.iter_bytes():
                file.write(piece)
                tell("bytes exported", file.tell() if file.seekable() else 0, 0)
    except httpx.RemoteProtocolError:
        raise click.ClickException("the export broke off; run the same command again") from None
    except httpx.TransportError as error:
        reason = str(error) or type(error).__name__
        raise CannotStart(f"{base_url} does not answer ({reason}); is it running?") from None


async def _from_database(
    file: BinaryIO, workspace: str, form: Format, include_events: bool, tell: Tell
) -> int:
    """How many conversations."""
    if WORKSPACE.fullmatch(workspace) is None:
        raise click.UsageError("--workspace takes 1 to 32 of a-z, 0-9 and -")
    dsn = database_target(load_settings())
    check_server(dsn)
    reader, connections = LogReader(dsn, size=1), Connections(dsn, name="exports", size=1)
    async with AsyncExitStack() as stack:
        for part in (reader, connections):
            await part.start()
            stack.push_async_callback(part.stop)
        position = await reader.head()
        head = Head(FORMAT, workspace, datetime.now(UTC), position)
        of = (f"exp_{secrets.token_hex(8)}", workspace, "workspace", workspace, form)
        record = Record(*of, include_events, position, None)
        made, counts = writer(form, "workspace"), Counts()
        streams = _streams(reader, workspace, position)
        body = export_body(
            *(PastLog(reader, position), streams, head, made, counts), include_events=include_events
        )
        # Closed here, whatever happens: how it ended is recorded while there are connections.
        async with aclosing(Records(connections).recorded(record, counts, body)) as pieces:
            async for piece in pieces:
                file.write(piece)
                tell("conversations exported", counts.conversations, 0)
    return counts.conversations


async def _streams(reader: LogReader, workspace: str, position: int) -> AsyncIterator[str]:
    after = ""
    while streams := await reader.workspace_streams(workspace, after, position):
        for stream in streams:
            yield stream
        after = streams[-1]


@contextmanager
def _whole(output: str) -> Generator[BinaryIO]:
    """Standard output, or a file beside its place, for its owner only, that takes it when all went well."""
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(output)
    try:
        descriptor, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=".part"
        )
    except OSError as error:
        raise CannotStart(f"{path} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
