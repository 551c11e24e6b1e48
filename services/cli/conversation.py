"""`verbatim conversation`: one conversation, as auditors look at it."""

import asyncio
from datetime import UTC, datetime

import msgspec
import rich_click as click

from domain import resources as res
from domain.codec import CodecError
from domain.ids import IDENTIFIER, WORKSPACE, stream_id
from eventstore.connect import check_server
from eventstore.reader import LogReader
from services.cli.common import plain_errors
from services.cli.common import settings as load_settings
from services.cli.helping import Command, Group
from services.cli.target import OWN, database_target
from services.http.errors import ApiError
from services.query.history import History, Stood, parse_as_of

LATEST = datetime.max.replace(tzinfo=UTC)


@click.group(cls=Group)
def conversation() -> None:
    """Show how a conversation stood, straight from the log."""


@conversation.command(cls=Command)
@click.argument("conversation_id")
@click.option("--workspace", default=OWN, show_default=True, help="The conversation's workspace.")
@click.option(
    "--as-of", help="A version, or a time (2027-01-01T00:00:00Z); as it stands without it."
)
@click.option("--messages", default=50, show_default=True, type=click.IntRange(0, 1_000_000), help="The newest ones that are shown.")  # fmt: skip
def show(conversation_id: str, workspace: str, as_of: str | None, messages: int) -> None:
    """Print a conversation as it stood at a version or a time, deleted ones too, as JSON.

    Example:
      verbatim conversation show conv_1 --workspace acme --as-of 12

    """
    if IDENTIFIER.fullmatch(conversation_id) is None or WORKSPACE.fullmatch(workspace) is None:
        raise click.UsageError("that cannot be the id of a conversation, or not of a workspace")
    try:
        wanted = LATEST if as_of is None else parse_as_of(as_of, datetime.now(UTC))
        with plain_errors():
            dsn = database_target(load_settings())
            check_server(dsn)
            stood = asyncio.run(_stood(dsn, workspace, conversation_id, wanted, messages))
    except (ApiError, CodecError) as error:
        raise click.ClickException(str(error)) from None
    if stood is None:
        raise click.ClickException(
            f"there was no conversation {conversation_id} in {workspace} then"
        )
    resource = res.encode(res.conversation(conversation_id, stood.state))
    text = b'%s,"messages":[%s]}' % (resource[:-1], b",".join(stood.messages))
    click.echo(msgspec.json.format(text, indent=2))


async def _stood(
    dsn: str, workspace: str, name: str, as_of: int | datetime, messages: int
) -> Stood | None:
    reader = LogReader(dsn, size=1)
    await reader.start()
    try:
        return await History(reader).stood(stream_id(workspace, name), name, as_of, messages)
    finally:
        await reader.stop()
