"""`verbatim events`: the contract of what is published."""

import msgspec
import rich_click as click

from domain.asyncapi import document
from domain.published import schemas
from services.cli.helping import Group, nearest


@click.group(cls=Group)
def events() -> None:
    """Print the contract of the published events: JSON Schemas, the AsyncAPI document."""


@events.command()
@click.argument("name", required=False)
def schema(name: str | None) -> None:
    """Print the JSON Schema of an event's data, of all of them without a name.

    NAME is what stands in an event's `dataschema`, with or without `urn:verbatim:event:`.

    Example:
      verbatim events schema message_appended:v1

    """
    found = schemas()
    if name is None:
        click.echo(_json(found))
        return
    short = {urn.removeprefix("urn:verbatim:event:"): shown for urn, shown in found.items()}
    wanted = name.removeprefix("urn:verbatim:event:")
    if wanted not in short:
        raise click.BadParameter(f"there is no event {name!r}{nearest(wanted, short)}")
    click.echo(_json(short[wanted]))


@events.command()
def asyncapi() -> None:
    """Print the AsyncAPI 3.0 document of the subjects on NATS.

    Example:
      verbatim events asyncapi > asyncapi.json

    """
    click.echo(_json(document()))


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)
