"""`verbatim dlq`: what workers gave up."""

import asyncio
import sys

import msgspec
import rich_click as click

from services.cli.common import plain_errors
from services.cli.endings import one_line
from services.cli.helping import Group
from services.cli.relay import targeted
from services.cli.tables import show_table
from services.compaction.dead_letters import DeadLetter, Kept, dead_letters
from services.compaction.doing import Doing, doing
from services.settings import Settings


@click.group(cls=Group)
def dlq() -> None:
    """See what workers gave up, and why; try it again."""


@dlq.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for machines.")
def list_letters(as_json: bool) -> None:
    """Show the dead letters: conversations that could not be compacted, the newest letter of each.

    Exit code 1 where there is one.

    Example:
      verbatim dlq list --json

    """
    with plain_errors():
        letters = [kept.letter for kept in asyncio.run(_all(targeted()))]
    if as_json:
        click.echo(msgspec.json.encode(letters))
    elif letters:
        _show(letters)
    else:
        click.echo("no dead letters")
    sys.exit(1 if letters else 0)


@dlq.command()
@click.argument("stream", required=False)
def retry(stream: str | None) -> None:
    """Try all dead letters again, here and now, or that of the one named (WORKSPACE:CONVERSATION).

    With these settings' summariser. What goes well, or is not due any more, loses its letter. Exit code 1 where one
    fails again.

    Example:
      verbatim dlq retry acme:conv_1

    """
    with plain_errors():
        failed = asyncio.run(_retry(targeted(), stream))
    sys.exit(1 if failed else 0)


async def _all(settings: Settings) -> list[Kept]:
    async with dead_letters(settings.nats_url) as letters:
        return await letters.all()


async def _retry(settings: Settings, stream: str | None) -> bool:
    """Whether one failed again."""
    async with dead_letters(settings.nats_url) as letters:
        found = [kept for kept in await letters.all() if stream in (None, kept.letter.stream)]
        if stream is not None and not found:
            raise click.ClickException(f"{stream} has no dead letter; see `verbatim dlq list`")
        if not found:
            click.echo("no dead letters")
            return False
        failed = False
        async with doing(settings) as parts:
            for kept in found:
                told, went_well = await _again(parts, kept.letter)
                click.echo(f"{kept.letter.stream}: {told}")
                failed = failed or not went_well
                if went_well:
                    await letters.remove(kept)
        return failed


async def _again(parts: Doing, letter: DeadLetter) -> tuple[str, bool]:
    try:
        result = await parts.compact(letter.stream, letter.event_id, letter.since)
    except Exception as error:  # noqa: BLE001 - a letter says of anything that it failed
        return f"failed again: {one_line(str(error)) or type(error).__name__}", False
    if result is None or result.event is None:
        return "nothing is due any more", True
    return f"{result.event.tokens_before:,} tokens became {result.event.tokens_after:,}", True


def _show(letters: list[DeadLetter]) -> None:
    show_table(
        ("conversation", "position", "attempts", "at", "reason"),
        (
            (
                *(one.stream, f"{one.position:,}", str(one.attempts)),
                *(f"{one.at:%Y-%m-%d %H:%M:%S}", one.reason),
            )
            for one in letters
        ),
    )
    click.echo("when the reason is mended: verbatim dlq retry", err=True)
