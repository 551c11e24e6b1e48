"""`verbatim replay`: the log as it is published, straight from the database."""

import os
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import BinaryIO

import msgspec
import rich_click as click

from domain import published
from domain.codec import Codec, CodecError
from domain.ids import IDENTIFIER, WORKSPACE, stream_id
from eventstore.appends import StoredRow
from eventstore.connect import check_server, connect
from eventstore.follower import Follower
from eventstore.mapper import EventMapper
from eventstore.queries import query
from services.cli.common import CannotStart, plain_errors
from services.cli.common import settings as load_settings
from services.cli.endings import INTERRUPTED
from services.cli.helping import Command
from services.cli.progress import progress
from services.cli.target import OWN, database_target
from services.http.fields import Moment

PAGE = 1_000
TAIL = 16 << 20
"""Bytes at a file's end that are looked at for its last line: far more than an event may have."""
BEGINNING = b'{"specversion":"1.0",'
"""Of every line, whole or cut off."""

Position = click.IntRange(1, 2**53)


class Wanted(msgspec.Struct, frozen=True):
    """Which events are replayed."""

    first: int
    last: int
    until: datetime | None
    workspace: str | None
    conversation: str | None


@click.command(cls=Command)
@click.option("--from", "first", default=1, show_default=True, type=Position, help="A position.")
@click.option("--to", "last", type=Position, help="A position; the log's last of now without it.")
@click.option("--at", help="Only what had occurred at this time (2027-01-01T00:00:00Z).")
@click.option("--workspace", help="Only this workspace's events.")
@click.option("--conversation", help=f"Only this conversation's, in {OWN} without --workspace.")
@click.option(
    "--to-jsonl", "path", help="A file to append to; a replay that was cut off goes on in it."
)
def replay(  # noqa: PLR0917 - the options of one command
    first: int,
    last: int | None,
    at: str | None,
    workspace: str | None,
    conversation: str | None,
    path: str | None,
) -> None:
    """Print events in the order of the log as they are published, with full data: CloudEvents, one a line.

    With --to-jsonl it goes on after the last event that the file holds.

    Example:
      verbatim replay --from 1 --to-jsonl events.jsonl

    """
    if last is not None and at is not None:
        raise click.UsageError("give --to or --at, not both")
    if last is not None and last < first:
        raise click.UsageError(f"--to {last} is before --from {first}")
    workspace = OWN if workspace is None and conversation is not None else workspace
    _check(workspace, conversation)
    until = _moment(at)
    dsn = database_target(load_settings())
    done = first - 1
    try:
        with plain_errors(), _output(path) as (file, held), progress("replaying") as tell:
            check_server(dsn)
            done = max(done, held)
            with connect(dsn, name="replay") as connection:
                row = connection.execute("SELECT position FROM head").fetchone()
                head = int(row[0]) if row else 0
            wanted = Wanted(done + 1, min(last or head, head), until, workspace, conversation)
            count = 0
            for done, lines in _lines(dsn, wanted):
                file.write(b"".join(lines))
                count += len(lines)
                tell("replaying", done, wanted.last)
            file.flush()
    except KeyboardInterrupt:
        again = (
            f"run the same command again, or with --from {done + 1}"
            if path
            else f"--from {done + 1} goes on"
        )
        click.echo(f"interrupted after position {done}; {again}", err=True)
        raise SystemExit(INTERRUPTED) from None
    if path is not None:
        click.echo(f"{count} events written to {path}, up to position {wanted.last}", err=True)
    elif not count and workspace is not None:
        told = f"check its name, and the range: the log ends at position {head}"
        click.echo(f"no events of workspace {workspace} there; {told}", err=True)
    elif not count:
        click.echo(f"no events there; the log ends at position {head}", err=True)


def _lines(dsn: str, wanted: Wanted) -> Iterator[tuple[int, list[bytes]]]:
    """The position reached, and the lines since the last one."""
    mapper, codec = EventMapper(), Codec()
    for rows in _pages(dsn, wanted):
        yield (
            rows[-1].position,
            [
                published.encode(mapper.cloud_event(row, content=True)) + b"\n"
                for row in rows
                if _is_wanted(row, wanted, codec)
            ],
        )


def _pages(dsn: str, wanted: Wanted) -> Iterator[list[StoredRow]]:
    if wanted.workspace is not None and wanted.conversation is not None:
        yield from _stream(dsn, stream_id(wanted.workspace, wanted.conversation))
        return
    follower = Follower(dsn, page=PAGE)
    try:
        yield from follower.replay(wanted.first - 1, wanted.last)
    finally:
        follower.close()


def _stream(dsn: str, stream: str) -> Iterator[list[StoredRow]]:
    """Raises ClickException for a conversation that never was."""
    statement, after = query("stream_page"), 0
    with connect(dsn, name="replay") as connection:
        while True:
            values = {"stream": stream, "after": after, "limit": PAGE}
            cursor = connection.cursor(binary=True).execute(statement, values)
            rows = [StoredRow(*row) for row in cursor.fetchall()]
            if not rows and not after:
                workspace, _, name = stream.partition(":")
                raise click.ClickException(
                    f"there is no conversation {name} in {workspace}; --workspace names another"
                )
            if not rows:
                return
            yield rows
            after = rows[-1].version


def _is_wanted(row: StoredRow, wanted: Wanted, codec: Codec) -> bool:
    if not wanted.first <= row.position <= wanted.last:
        return False
    if wanted.workspace is not None and not row.stream.startswith(f"{wanted.workspace}:"):
        return False
    if wanted.until is None:
        return True
    try:
        return codec.decode_meta(row.topic, row.state).occurred_at <= wanted.until
    except CodecError:
        return False  # nobody can tell when it occurred


@contextmanager
def _output(path: str | None) -> Generator[tuple[BinaryIO, int]]:
    """Where lines go, and the position of the last event that is there already."""
    if path is None:
        yield sys.stdout.buffer, 0
        return
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotStart(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "r+b") as file:
        held = _held(file, path)
        yield file, held


def _held(file: BinaryIO, path: str) -> int:
    """The last whole line's position; half an event behind it is cut off. Raises CannotStart."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL))
    tail = file.read()
    end = tail.rfind(b"\n") + 1
    half = tail[end:]
    position = _position(tail[tail.rfind(b"\n", 0, end - 1) + 1 : end]) if end else 0
    is_cut = half[: len(BEGINNING)] == BEGINNING[: len(half)] and (end or size <= TAIL)
    if position is None or not is_cut:
        # Whatever it is, it is somebody's: nothing of it is cut off.
        raise CannotStart(f"{path} is no file of events; name another")
    file.truncate(size - len(half))
    file.seek(0, os.SEEK_END)
    return position


def _position(line: bytes) -> int | None:
    try:
        return int(msgspec.json.decode(line, type=_Line).position)
    except (msgspec.DecodeError, ValueError):
        return None


class _Line(msgspec.Struct):
    position: str


def _check(workspace: str | None, conversation: str | None) -> None:
    if workspace is not None and WORKSPACE.fullmatch(workspace) is None:
        raise click.UsageError("--workspace takes 1 to 32 of a-z, 0-9 and -")
    if conversation is not None and IDENTIFIER.fullmatch(conversation) is None:
        raise click.UsageError("--conversation takes the id of a conversation")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return msgspec.convert(text, Moment)
    except msgspec.ValidationError:
        raise click.UsageError("--at takes a time with an offset (2027-01-01T00:00:00Z)") from None
