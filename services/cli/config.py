"""`verbatim config`."""

import msgspec
import rich_click as click

from services.cli.common import settings as load_settings
from services.settings import describe


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for machines.")
@click.option("--markdown", is_flag=True, help="The table of all settings, as in the README.")
def config(as_json: bool, markdown: bool) -> None:
    """Show the settings in effect, secrets hidden.

    A setting is an environment variable, or its name without VERBATIM_ in small letters in verbatim.toml (or
    the file that VERBATIM_CONFIG names). The environment wins.

    Example: VERBATIM_PORT=9000 verbatim config
    """
    shown = describe(load_settings())
    if as_json:
        click.echo(msgspec.json.encode({item.variable: item.value for item in shown}))
    elif markdown:
        click.echo("| setting | default | meaning |\n|---|---|---|")
        for item in shown:
            default = f"`{item.default}`" if item.default else ""
            click.echo(f"| `{item.variable}` | {default} | {item.description} |")
    else:
        width = max(len(item.variable) for item in shown)
        for item in shown:
            click.echo(f"{item.variable:{width}}  {item.value or '(unset)'}")
