"""The statements of this room, one a file in `sql/`, each with its purpose on its first line."""

from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> bytes:
    """The text of `sql/<name>.sql`, placeholders and all. Raises FileNotFoundError for an unknown one."""
    return files("eventstore").joinpath("sql", f"{name}.sql").read_bytes()
