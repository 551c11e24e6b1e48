"""The statements of this room, one a file in `sql/`, each with its purpose on its first line."""

from functools import cache
from importlib.resources import files

LIVE = "readmodels"
"""The schema that is read from. The same tables may stand in another one: being rebuilt, being verified."""


@cache
def query(name: str, schema: str = LIVE) -> bytes:
    """The text of `sql/<name>.sql`, placeholders and all. Raises FileNotFoundError for an unknown one."""
    text = files("projections").joinpath("sql", f"{name}.sql").read_bytes()
    return text if schema == LIVE else text.replace(b"readmodels.", f"{schema}.".encode())
