"""Help pages: paragraphs with a line between them; one with an indented line keeps its lines."""

import difflib
import inspect
from collections.abc import Iterable

import click as plain_click
import rich_click as click
from rich.padding import Padding
from rich.text import Text
from rich_click.rich_help_formatter import RichHelpFormatter
from typing_extensions import override

click.rich_click.MAX_WIDTH = 100
_MARGIN = (0, 1, 1, 1)


class Command(click.RichCommand):
    """A command with such a page."""

    @override
    def format_help_text(self, ctx: click.RichContext, formatter: RichHelpFormatter) -> None:
        _write(self.help, formatter)


class Group(click.RichGroup):
    """A group with such a page, that names the nearest command for one that is not there."""

    command_class = Command

    @override
    def format_help_text(self, ctx: click.RichContext, formatter: RichHelpFormatter) -> None:
        _write(self.help, formatter)

    @override
    def resolve_command(
        self, ctx: plain_click.Context, args: list[str]
    ) -> tuple[str | None, plain_click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            known = self.list_commands(ctx)
            raise click.UsageError(f"there is no command `{name}`{nearest(name, known)}", ctx)
        return super().resolve_command(ctx, args)


def nearest(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean `{found[0]}`?" if found else ""


def _write(text: str | None, formatter: RichHelpFormatter) -> None:
    for paragraph in inspect.cleandoc(text or "").split("\n\n"):
        kept = "\n " in paragraph
        formatter.write(Padding(Text(paragraph if kept else " ".join(paragraph.split())), _MARGIN))
