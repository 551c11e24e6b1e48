"""`verbatim migrate`."""

import rich_click as click
from psycopg.errors import InsufficientPrivilege

from eventstore.migrate import migrate as apply
from services.cli.common import CannotStart, plain_errors
from services.cli.common import settings as load_settings
from services.cli.helping import Command
from services.cli.target import database_target


@click.command(cls=Command)
def migrate() -> None:
    """Bring the database's tables to what this program knows. Safe twice, and from several machines.

    Needs the owner's login in VERBATIM_MIGRATE_DATABASE_URL, else uses VERBATIM_DATABASE_URL.

    Example:
      VERBATIM_MIGRATE_DATABASE_URL=postgresql://owner@db/verbatim verbatim migrate

    """
    settings = load_settings()
    with plain_errors():
        try:
            applied = apply(settings.migrate_database_url or database_target(settings))
        except InsufficientPrivilege as error:
            raise CannotStart(
                f"this login may not migrate: {error.diag.message_primary};"
                " set VERBATIM_MIGRATE_DATABASE_URL to that of the database's owner"
            ) from None
    for name in applied:
        click.echo(f"applied {name}")
    click.echo("the database is up to date")
