"""`verbatim exports`: who exported what."""

from datetime import datetime

import msgspec
import rich_click as click
from psycopg.rows import class_row

from eventstore.connect import connect
from services.cli.common import plain_errors
from services.cli.common import settings as load_settings
from services.cli.helping import Command
from services.cli.tables import show_table
from services.cli.target import database_target

STATEMENT = """
SELECT at, export_id, action, workspace, kind, subject, format, include_events, position,
       conversations, messages, key_id, login
  FROM export_audit WHERE %(workspace)s::text IS NULL OR workspace = %(workspace)s ORDER BY number
"""


class Exported(msgspec.Struct):
    """A row of the record."""

    at: datetime
    export_id: str
    action: str
    workspace: str
    kind: str
    subject: str
    format: str
    include_events: bool
    position: int
    conversations: int
    messages: int
    key_id: str | None
    login: str


@click.command(cls=Command)
@click.option("--workspace", help="Only this workspace's.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for machines.")
def exports(workspace: str | None, as_json: bool) -> None:
    """Show who exported what: started, finished, broken off. Nobody can change these records.

    Example:
      verbatim exports --workspace acme

    """
    with plain_errors(), connect(database_target(load_settings()), name="exports") as connection:
        cursor = connection.cursor(row_factory=class_row(Exported))
        found = cursor.execute(STATEMENT, {"workspace": workspace}).fetchall()
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    rows: list[tuple[str, ...]] = []
    for one in found:
        of = (
            f"{one.kind} {one.subject}" if one.kind != "workspace" else f"workspace {one.workspace}"
        )
        counts = (f"{one.conversations:,}", f"{one.messages:,}")
        by = one.key_id or f"login {one.login}"
        rows.append((f"{one.at:%Y-%m-%d %H:%M:%S}", one.action, of, one.format, *counts, by))
    show_table(("time", "what", "of", "format", "conversations", "messages", "by"), rows)
