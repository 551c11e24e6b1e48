"""Where commands find the service and the database: the settings, else a running `verbatim dev`."""

from pathlib import Path

import msgspec
from msgspec.structs import replace

from services.cli.common import CannotStart
from services.settings import Settings

FILE = "dev.json"
OWN = "dev"
"""The workspace of `verbatim dev`: that of a conversation where a command is told no other."""


class Running(msgspec.Struct):
    """What `dev.json` holds while `verbatim dev` runs."""

    base_url: str
    api_key: str
    docs_url: str
    nats_url: str
    database_url: str
    pids: dict[str, int]


def running(settings: Settings) -> Running | None:
    """None in production, where nothing is taken from it."""
    if settings.environment == "production":
        return None
    try:
        text = (Path(settings.data_dir) / FILE).read_bytes()
        return msgspec.json.decode(text, type=Running)
    except (OSError, msgspec.DecodeError):
        return None


def http_target(settings: Settings) -> tuple[str, str]:
    """Base URL (with /v1) and key. Raises CannotStart."""
    dev = running(settings)
    base_url = settings.base_url or (dev.base_url if dev else "")
    api_key = settings.api_key or (dev.api_key if dev and not settings.base_url else "")
    if not base_url or not api_key:
        raise CannotStart(
            "which service? Start one with `verbatim dev`, or set VERBATIM_BASE_URL (with /v1)"
            " and VERBATIM_API_KEY"
        )
    return base_url.rstrip("/"), api_key


def database_target(settings: Settings) -> str:
    """The services' DSN. Raises CannotStart."""
    dev = running(settings)
    database_url = settings.database_url or (dev.database_url if dev else "")
    if not database_url:
        raise CannotStart(
            "which database? Start one with `verbatim dev`, or set VERBATIM_DATABASE_URL"
        )
    return database_url


def with_database(settings: Settings) -> Settings:
    """The settings, with the services' DSN. Raises CannotStart."""
    return replace(settings, database_url=database_target(settings))


def with_nats(settings: Settings) -> Settings:
    """The settings, with NATS of a running `verbatim dev` where none is set. Raises CannotStart."""
    dev = running(settings)
    nats_url = settings.nats_url or (dev.nats_url if dev else "")
    if not nats_url:
        raise CannotStart("which NATS? Start one with `verbatim dev`, or set VERBATIM_NATS_URL")
    return replace(settings, nats_url=nats_url)
