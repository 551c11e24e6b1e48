"""Settings of a process: one struct, from the environment and an optional TOML file."""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from domain.policy import CompactionPolicy, Strategy

PREFIX = "VERBATIM_"
FILE = "verbatim.toml"

Count = Annotated[int, msgspec.Meta(ge=1, le=100_000_000)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]


class SettingsError(Exception):
    """A setting is unknown or has a wrong value; the message names it and what was expected."""


def described(text: str, *, secret: bool = False) -> msgspec.Meta:
    return msgspec.Meta(description=text, extra={"secret": secret})


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each field is a setting `VERBATIM_<NAME>`, or `<name>` in the file; the environment wins."""

    database_url: Annotated[
        str, described("PostgreSQL for the services; empty: embedded", secret=True)
    ] = ""
    migrate_database_url: Annotated[
        str,
        described("the owner's login, for `verbatim migrate`; empty: database_url", secret=True),
    ] = ""
    nats_url: Annotated[str, described("NATS with JetStream; empty: embedded", secret=True)] = ""
    data_dir: Annotated[str, described("where `verbatim dev` keeps all data")] = ".verbatim"
    host: Annotated[str, described("address to listen on")] = "127.0.0.1"
    port: Annotated[Port, described("port to listen on")] = 8080
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], described("least level that is logged")
    ] = "info"
    log_format: Annotated[
        Literal["auto", "text", "json"],
        described("`auto`: text on a terminal, else a JSON object a line"),
    ] = "auto"
    max_body_bytes: Annotated[Count, described("largest request body, in bytes")] = 1 << 20
    max_batch: Annotated[Count, described("most events in one commit")] = 512
    max_queue: Annotated[Count, described("most appends that wait for a commit; past it 503")] = (
        10_000
    )
    cached_conversations: Annotated[
        Count, described("conversation states that a command process keeps")
    ] = 10_000
    database_connections: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=1_000)],
        described("connections for reads, a process"),
    ] = 4
    read_wait_seconds: Annotated[
        Annotated[float, msgspec.Meta(gt=0, le=60)],
        described("how long a read waits for writes acknowledged before it, in seconds"),
    ] = 2.0
    page_size: Annotated[Count, described("events that a projector takes at a time")] = 1_000
    tokenizer: Annotated[
        Literal["o200k_base", "cl100k_base"], described("counts tokens of new messages")
    ] = "o200k_base"
    compaction_strategy: Annotated[Strategy, described("default policy: strategy")] = "hybrid"
    compaction_trigger_tokens: Annotated[
        Count, described("default policy: tokens at which a conversation is compacted")
    ] = 16_000
    compaction_keep_recent: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=1_000_000)],
        described("default policy: newest messages that stay"),
    ] = 20
    compaction_target_tokens: Annotated[
        Count | None, described("default policy: tokens afterwards; unset: half")
    ] = None
    base_url: Annotated[str, described("for commands that speak HTTP: the service, with /v1")] = ""
    api_key: Annotated[str, described("for commands that speak HTTP: the key", secret=True)] = ""
    config: Annotated[
        str, described(f"a TOML file with settings; `{FILE}` in this folder is read if it is there")
    ] = ""

    def policy(self) -> CompactionPolicy:
        return CompactionPolicy(
            self.compaction_strategy,
            self.compaction_trigger_tokens,
            self.compaction_keep_recent,
            self.compaction_target_tokens,
        )


class Described(msgspec.Struct, frozen=True):
    """A setting as shown: in `verbatim config` and in the README."""

    variable: str
    value: str
    default: str
    description: str


def load(environ: Mapping[str, str], folder: Path) -> Settings:
    """The environment over the file. Raises SettingsError."""
    names = set(Settings.__struct_fields__)
    given = {
        key.removeprefix(PREFIX).lower(): value
        for key, value in environ.items()
        if key.startswith(PREFIX)
    }
    _check_names(given, names, _variable)
    values: dict[str, Any] = _read_file(given.get("config", ""), folder)
    _check_names(values, names, _file_entry)
    values |= given
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    for name, value in values.items():
        if value == "" and fields[name].default == "":
            continue
        try:
            values[name] = msgspec.convert(value, fields[name].type, strict=False)
        except msgspec.ValidationError as error:
            reason = str(error).partition(" - at")[0].replace("`", "")
            shown = "(hidden)" if _is_secret(fields[name]) else repr(value)
            raise SettingsError(
                f"{PREFIX}{name.upper()} is {shown}: {reason[:1].lower()}{reason[1:]}"
            ) from None
    return Settings(**values)


def describe(settings: Settings) -> list[Described]:
    """All settings as they are in effect, secrets hidden."""
    shown: list[Described] = []
    for field in msgspec.structs.fields(Settings):
        value = getattr(settings, field.name)
        hidden = _is_secret(field) and value
        shown.append(
            Described(
                variable=f"{PREFIX}{field.name.upper()}",
                value="(hidden)" if hidden else _plain(value),
                default=_plain(field.default),
                description=_description(field),
            )
        )
    return shown


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _metas(kind: Any) -> list[msgspec.Meta]:
    return [item for item in getattr(kind, "__metadata__", ()) if isinstance(item, msgspec.Meta)]


def _description(field: msgspec.structs.FieldInfo) -> str:
    return next((m.description for m in reversed(_metas(field.type)) if m.description), "")


def _is_secret(field: msgspec.structs.FieldInfo) -> bool:
    return any((meta.extra or {}).get("secret") for meta in _metas(field.type))


def _read_file(named: str, folder: Path) -> dict[str, Any]:
    path = Path(named) if named else folder / FILE
    if not named and not path.exists():
        return {}
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"{PREFIX}CONFIG: {path} cannot be read: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from None


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def _file_entry(name: str) -> str:
    return f"`{name}` in the settings file"


def _check_names(given: Mapping[str, Any], names: set[str], show: Callable[[str], str]) -> None:
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"; did you mean {show(near[0])}?" if near else "; see `verbatim config`"
            raise SettingsError(f"there is no setting {show(name)}{hint}")
