"""`verbatim relay`."""

import asyncio
import sys

import msgspec
import rich_click as click
import uvloop

from domain.ids import WORKSPACE
from projections.relay.readers import make_reader, remove_reader
from projections.relay.refill import refill as fill_again
from projections.relay.status import RelayStatus, relay_status
from services import logs
from services.cli.common import plain_errors
from services.cli.common import settings as load_settings
from services.cli.helping import Group
from services.cli.progress import progress
from services.cli.target import with_database, with_nats
from services.followers.relay import relay_wiring, run_relay
from services.settings import Settings


def targeted() -> Settings:
    """The settings with a database and NATS, those of a running `verbatim dev` where none is set. Raises CannotStart."""
    return with_nats(with_database(load_settings()))


@click.group(cls=Group)
def relay() -> None:
    """Publish the log to NATS JetStream; see how far it is; make the stream anew."""


@relay.command()
def run() -> None:
    """Publish every event as it is appended, until SIGTERM or Ctrl-C.

    Where to go on is read from the stream itself. A second one stands by and takes over when the first ends.

    Example:
      VERBATIM_STREAM_MAX_DAYS=7 verbatim relay run

    """
    with plain_errors():
        settings = targeted()
        logs.set_up(settings)
        uvloop.run(run_relay(settings))


@relay.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for machines.")
def status(as_json: bool) -> None:
    """Show how far the stream is behind the log.

    Exit code 1 where there is no stream, or one that holds more than the log has.

    Example:
      verbatim relay status --json

    """
    with plain_errors():
        settings = targeted()
        found = asyncio.run(relay_status(settings.database_url, settings.nats_url))
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        _show(found)
    sys.exit(1 if found.last is None or found.lag < 0 else 0)


def _show(found: RelayStatus) -> None:
    if found.last is None:
        held = "there is none"
    elif found.first is not None and found.first > found.last:
        held = f"no positions; the last was {found.last:,}"
    else:
        held = f"positions {found.first:,} to {found.last:,}"
    click.echo(f"stream  {found.stream}: {held}")
    click.echo(f"log     position {found.head:,}")
    click.echo(f"behind  {found.lag:,} events")
    click.echo(f"relay   {'at work' if found.running else 'none: start `verbatim relay run`'}")
    if found.lag < 0:
        click.echo(
            "the stream holds more than the log has: this is another database, or one restored from an older"
            " backup; if it is the right one, `verbatim relay refill`",
            err=True,
        )


@relay.command()
@click.option("--workspace", required=True, help="Whose events.")
@click.option(
    "--from",
    "first",
    type=click.IntRange(1, 2**53),
    default=1,
    show_default=True,
    help="A position.",
)
@click.option("--remove", is_flag=True, help="Take it away; nobody reads by it any more.")
def reader(workspace: str, first: int, remove: bool) -> None:
    """Make the consumer by which an outside account reads one workspace's events, and nobody else's.

    The account is made in NATS' configuration: see deploy/nats/workspaces.conf. A reader that was there begins
    anew.

    Example:
      verbatim relay reader --workspace acme

    """
    if WORKSPACE.fullmatch(workspace) is None:
        raise click.UsageError("--workspace takes 1 to 32 of a-z, 0-9 and -")
    with plain_errors():
        url = with_nats(load_settings()).nats_url
        if remove:
            found = asyncio.run(remove_reader(url, workspace))
            click.echo("removed" if found else "there was none")
        else:
            click.echo(asyncio.run(make_reader(url, workspace, first)))


@relay.command()
def refill() -> None:
    """Make the stream anew, and fill it from the log.

    For a stream that was damaged, or filled from another database; one that lost its tail or all of its disk is
    filled again without this. Durable consumers go on behind what they had acknowledged.

    Example:
      verbatim relay refill

    """
    with plain_errors():
        settings = targeted()
        with progress("filling the stream") as tell:
            asyncio.run(
                fill_again(
                    relay_wiring(settings),
                    lambda position, target: tell("filling the stream", position, target),
                )
            )
            found = asyncio.run(relay_status(settings.database_url, settings.nats_url))
    _show(found)
