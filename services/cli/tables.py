"""Tables of the command line: a row a line, nothing cut off and nothing read as markup, whatever the terminal's width."""

from collections.abc import Iterable, Sequence

import rich_click as click
from rich.cells import cell_len

GAP = "  "


def show_table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [list(names), *([_plain(cell) for cell in row] for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (
            cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)
        )
        click.echo(GAP.join(cells).rstrip())


def _plain(text: str) -> str:
    """What would move the cursor or begin another line is shown as `?`."""
    return "".join(one if one.isprintable() else "?" for one in text)
