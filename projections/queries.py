"""The statements of this room, one a file in `sql/`, each with its purpose on its first line."""

from importlib.resources import files


def query(name: str) -> bytes:
    """The text of `sql/<name>.sql`, placeholders and all. Raises FileNotFoundError for an unknown one."""
    return files("projections").joinpath("sql", f"{name}.sql").read_bytes()
