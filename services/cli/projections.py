"""`verbatim projections`."""

import rich_click as click

from services import logs
from services.cli.common import plain_errors
from services.cli.common import settings as load_settings
from services.cli.serve import with_database
from services.processes import run_projections


@click.group()
def projections() -> None:
    """Keep the read models up to date."""


@projections.command()
def run() -> None:
    """Follow the log and update the read models until SIGTERM or Ctrl-C.

    A second one stands by and takes over when the first ends.

    Example: verbatim projections run
    """
    settings = load_settings()
    with plain_errors():
        settings = with_database(settings)
        logs.set_up(settings)
        run_projections(settings)
