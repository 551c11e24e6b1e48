"""`verbatim config`."""

import msgspec
import rich_click as click

from services.cli.common import loaded_settings
from services.cli.helping import Command
from services.settings import Settings
from services.settings_loading import Loaded
from services.settings_shown import describe


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for machines.")
@click.option("--markdown", is_flag=True, help="The table of all settings, as in the README.")
def config(as_json: bool, markdown: bool) -> None:
    """Show the settings in effect and where each comes from, secrets hidden.

    A setting is an environment variable, or its name without VERBATIM_ in small letters in verbatim.toml (or
    the file that VERBATIM_CONFIG names). The environment wins.

    Example:
      VERBATIM_PORT=9000 verbatim config

    """
    if markdown:
        click.echo(table())
        return
    shown = describe(loaded_settings())
    if as_json:
        values = {i.variable: {"value": i.value, "source": i.source} for i in shown}
        click.echo(msgspec.json.encode(values))
        return
    width = max(len(item.variable) for item in shown)
    widest = max(len(item.value or "(unset)") for item in shown)
    for item in shown:
        click.echo(f"{item.variable:{width}}  {item.value or '(unset)':{widest}}  {item.source}")


def table() -> str:
    """Every setting with its default, whatever is in effect here."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    for item in describe(Loaded(Settings(), {})):
        default = f"`{item.default}`" if item.default else ""
        lines.append(f"| `{item.variable}` | {default} | {item.description} |")
    return "\n".join(lines)
