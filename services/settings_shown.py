"""Settings as shown: in `verbatim config` and in the README."""

from typing import Any

import msgspec

from services.settings import Settings
from services.settings_fields import default_of, description_of, is_secret, variable_of
from services.settings_loading import Loaded


class Described(msgspec.Struct, frozen=True):
    """A setting as shown: in `verbatim config` and in the README."""

    variable: str
    value: str
    default: str
    source: str
    """Where the value comes from: `environment`, the file's path, or `default`."""
    description: str


def describe(loaded: Loaded) -> list[Described]:
    """All settings as they are in effect, secrets hidden."""
    shown: list[Described] = []
    for field in msgspec.structs.fields(Settings):
        value = getattr(loaded.settings, field.name)
        hidden = is_secret(field) and value
        shown.append(
            Described(
                variable=variable_of(field.name),
                value="(hidden)" if hidden else _plain(value),
                default=_plain(default_of(field)),
                source=loaded.sources.get(field.name, "default"),
                description=description_of(field),
            )
        )
    return shown


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode() if value else ""
    return "" if value is None else str(value)
