"""`verbatim projections`."""

import sys
from collections.abc import Generator
from contextlib import contextmanager

import click as plain_click
import msgspec
import rich_click as click

from eventstore.connect import connect
from projections.beside import Busy
from projections.checkpoints import Lag, lag
from projections.parking import Parked, parked
from projections.rebuild import rebuild as build_anew
from projections.registry import GROUPS, NAMES
from projections.retry import retry as go_on
from projections.verify import MOST_SHOWN, Verdict
from projections.verify import verify as compare
from services import logs
from services.cli.common import plain_errors
from services.cli.common import settings as load_settings
from services.cli.progress import progress
from services.cli.side_by_side import run_side_by_side
from services.cli.tables import show_table
from services.cli.target import database_target, with_database
from services.followers.projections import run_projections


def _full_name(
    ctx: plain_click.Context, param: plain_click.Parameter, value: str | None
) -> str | None:
    """A read model, named with or without its version."""
    del ctx, param
    for name in NAMES:
        if value in (None, name, name.partition(".")[0]):
            return value and name
    raise click.BadParameter(f"{value!r} is not one of {', '.join(NAMES)}.")


name_argument = click.argument("name", callback=_full_name, required=False)


class Status(msgspec.Struct):
    read_models: dict[str, Lag]
    parked: list[Parked]


@click.group()
def projections() -> None:
    """Keep the read models up to date; prove them; make them anew."""


@projections.command()
@click.argument("groups", nargs=-1, type=click.Choice([group.name for group in GROUPS]))
def run(groups: tuple[str, ...]) -> None:
    """Follow the log and update the read models until SIGTERM or Ctrl-C.

    All of them, or the groups named; several groups run side by side in a process each. A second one stands by and takes
    over when the first ends.

    Example: verbatim projections run
    """
    settings = load_settings()
    chosen = [group for group in GROUPS if not groups or group.name in groups]
    with plain_errors():
        settings = with_database(settings)
        logs.set_up(settings)
        if len(chosen) == 1:
            run_projections(settings, chosen[0])
        else:
            run_side_by_side(chosen, settings.database_url)


@projections.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for machines.")
def status(as_json: bool) -> None:
    """Show how far each read model is, and which conversations are parked.

    Exit code 1 where a conversation is parked.
    """
    with plain_errors(), connect(database_target(load_settings()), name="status") as connection:
        found = Status(lag(connection), parked(connection))
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        show_table(
            ("read model", "position", "behind", "parked"),
            (
                (name, f"{behind.position:,}", f"{behind.events:,}", str(behind.parked))
                for name, behind in found.read_models.items()
            ),
        )
        for one in found.parked:
            click.echo(f"parked: {one.stream} at position {one.position}: {one.error}")
        if found.parked:
            click.echo("after an upgrade that mends it: verbatim projections retry", err=True)
    sys.exit(1 if found.parked else 0)


@projections.command()
@name_argument
@click.option("--restart", is_flag=True, help="Forget how far an interrupted rebuild was.")
def rebuild(name: str | None, restart: bool) -> None:
    """Build a read model anew from the log, all of them without a name.

    Reads and writes go on; the new tables replace the old ones in one transaction. Killed, it goes on where it was.

    Example: verbatim projections rebuild messages.v1
    """
    settings = load_settings()
    with plain_errors(), _errors():
        dsn = database_target(settings)
        for one in [name] if name else NAMES:
            with progress() as tell:
                position = build_anew(dsn, one, page=settings.page_size, tell=tell, afresh=restart)
            click.echo(f"{one} is new, as of position {position}")


@projections.command()
@name_argument
def verify(name: str | None) -> None:
    """Compare a read model with a fresh replay of the log, all of them without a name.

    Each row that differs is shown with its event. Exit code 1 where one does.
    """
    settings = load_settings()
    differ = False
    with plain_errors(), _errors():
        dsn = database_target(settings)
        for one in [name] if name else NAMES:
            with progress() as tell:
                verdict = compare(dsn, one, page=settings.page_size, tell=tell)
            differ = differ or bool(verdict.differences)
            _show(verdict)
    sys.exit(1 if differ else 0)


@projections.command()
@click.argument("stream", required=False)
def retry(stream: str | None) -> None:
    """Let parked conversations go on, all or the one named (WORKSPACE:CONVERSATION).

    Exit code 1 where one stays parked.
    """
    left = False
    with plain_errors():
        dsn = database_target(load_settings())
        with connect(dsn, name="retry") as connection:
            waiting = [one.stream for one in parked(connection)]
        if stream is not None and stream not in waiting:
            raise click.ClickException(f"{stream} is not parked; see `verbatim projections status`")
        for one in [stream] if stream is not None else waiting:
            reason = go_on(dsn, one)
            left = left or reason is not None
            click.echo(f"{one}: {'goes on' if reason is None else f'still parked: {reason}'}")
        if not waiting:
            click.echo("no conversation is parked")
    sys.exit(1 if left else 0)


def _show(verdict: Verdict) -> None:
    for one in verdict.differences:
        event = f"{one.topic} at position {one.position}" if one.position else "no event"
        columns = f" in {', '.join(one.columns)}" if one.columns else ""
        row = "/".join(map(str, one.row))
        click.echo(f"{one.table} {row}: {one.kind}{columns} ({event})")
    found = len(verdict.differences)
    most = " or more" if found >= MOST_SHOWN else ""
    parked_too = f"; {verdict.parked} conversations are parked" if verdict.parked else ""
    click.echo(
        f"{verdict.name}: {found}{most} differences in {verdict.rows:,} rows"
        f" as of position {verdict.position:,}{parked_too}"
    )


@contextmanager
def _errors() -> Generator[None]:
    try:
        yield
    except Busy as error:
        raise click.ClickException(str(error)) from None
