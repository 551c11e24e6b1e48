"""Settings from the environment and an optional TOML file; a wrong one is named with what was expected."""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo

from services.plain_words import in_plain_words
from services.settings import FILE, PREFIX, Settings, SettingsError
from services.settings_fields import default_of, form_of, is_secret, variable_of
from services.settings_models import problem

ENVIRONMENT = "environment"


class Loaded(NamedTuple):
    """The settings in effect, and where each that was given was given."""

    settings: Settings
    sources: dict[str, str]


def load(environ: Mapping[str, str], folder: Path) -> Settings:
    """The environment over the file. Raises SettingsError."""
    return load_with_sources(environ, folder).settings


def load_with_sources(environ: Mapping[str, str], folder: Path) -> Loaded:
    """As `load`, for whoever shows settings. Raises SettingsError."""
    names = set(Settings.__struct_fields__)
    given = {
        key.removeprefix(PREFIX).lower(): value
        for key, value in environ.items()
        if key.startswith(PREFIX)
    }
    _check_names(given, names, variable_of)
    path, values = _read_file(given.get("config", ""), folder)
    _check_names(values, names, _file_entry)
    sources = dict.fromkeys(values, str(path)) | dict.fromkeys(given, ENVIRONMENT)
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    for name, value in (values | given).items():
        shown = variable_of(name) if name in given else f"`{name}` in {path}"
        values[name] = _converted(fields[name], value, shown)
    loaded = Loaded(Settings(**values), sources)
    if wrong := problem(loaded.settings.upstreams, loaded.settings.models):
        raise SettingsError(wrong)
    if loaded.settings.summarizer == "openai" and not loaded.settings.summarizer_base_url:
        raise SettingsError(
            "VERBATIM_SUMMARIZER is openai: set VERBATIM_SUMMARIZER_BASE_URL to its address"
        )
    return loaded


def _converted(field: FieldInfo, value: Any, shown: str) -> Any:
    """Raises SettingsError, naming the setting and what was expected."""
    if value == "" and field.default == "":
        return value
    told = "(hidden)" if is_secret(field) else repr(value)
    try:
        if isinstance(value, str) and default_of(field) == {}:
            value = msgspec.json.decode(value)  # a table, from the environment
        converted = msgspec.convert(value, field.type, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{shown} is {told}: {_expected(field, str(error))}") from None
    except msgspec.DecodeError:
        raise SettingsError(f"{shown} is {told}: expected a JSON object") from None
    form = form_of(field)
    if form is not None and not form.fits(converted):
        raise SettingsError(f"{shown} is {told}: expected {form.expected}")
    return converted


def _expected(field: FieldInfo, reason: str) -> str:
    """Of a choice the library does not say among what; and that a setting may be left out is said by leaving it out."""
    kind = getattr(field.type, "__origin__", field.type)
    if get_origin(kind) is Literal:
        return f"expected {', '.join(map(str, get_args(kind)))}"
    reason = reason.partition(" - at")[0].partition(", got ")[0]
    return in_plain_words(reason.replace(" | null", ""))


def _read_file(named: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    path = folder / named if named else folder / FILE
    if not named and not path.exists():
        return path, {}
    try:
        with path.open("rb") as file:
            return path, tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"{PREFIX}CONFIG: {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from None


def _file_entry(name: str) -> str:
    return f"`{name}` in the settings file"


def _check_names(given: Mapping[str, Any], names: set[str], show: Callable[[str], str]) -> None:
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = (
                f"; did you mean {show(near[0])}?"
                if near
                else "; `verbatim config --markdown` lists all"
            )
            raise SettingsError(f"there is no setting {show(name)}{hint}")
