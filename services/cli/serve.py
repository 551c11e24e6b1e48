"""`verbatim command`, `verbatim query`, `verbatim gateway`, and all in one process for `verbatim dev`."""

import rich_click as click
import uvloop

from services import logs
from services.cli.common import plain_errors
from services.cli.common import settings as load_settings
from services.cli.helping import Command
from services.cli.target import with_database
from services.processes import Room, run_http
from services.settings import Settings


def _serve(rooms: tuple[Room, ...]) -> None:
    settings: Settings = load_settings()
    with plain_errors():
        settings = with_database(settings)
        logs.set_up(settings)
        uvloop.run(run_http(settings, rooms))


@click.command(cls=Command)
def command() -> None:
    """Serve writes over HTTP until SIGTERM or Ctrl-C.

    Needs VERBATIM_DATABASE_URL (or a running `verbatim dev`); listens on VERBATIM_HOST and VERBATIM_PORT.

    Example:
      VERBATIM_PORT=8081 verbatim command

    """
    _serve(("command",))


@click.command(cls=Command)
def query() -> None:
    """Serve reads over HTTP until SIGTERM or Ctrl-C.

    Needs VERBATIM_DATABASE_URL (or a running `verbatim dev`); listens on VERBATIM_HOST and VERBATIM_PORT.

    Example:
      VERBATIM_PORT=8082 verbatim query

    """
    _serve(("query",))


@click.command(cls=Command)
def gateway() -> None:
    """Serve chat completions over HTTP until SIGTERM or Ctrl-C: conversations write themselves.

    Needs VERBATIM_UPSTREAM_BASE_URL, a service that speaks OpenAI's chat completions, or `upstreams` and `models`
    in the settings file; and VERBATIM_DATABASE_URL (or a running `verbatim dev`).

    Example:
      VERBATIM_UPSTREAM_BASE_URL=http://127.0.0.1:11434/v1 VERBATIM_PORT=8083 verbatim gateway

    """
    _serve(("gateway",))


@click.command(cls=Command, hidden=True)
def serve() -> None:
    """Serve writes, reads and chat completions in one process, for `verbatim dev`."""
    _serve(("command", "query", "gateway"))
