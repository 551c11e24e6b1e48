"""What a process refuses to start with in production."""

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from eventstore.connect import check_server
from services.settings import Settings, SettingsError

SHORTEST = 16
"""Characters of a password or key: fewer can be guessed in time."""
_REPEATED = re.compile(r"(.{1,4}?)\1+")
PLAIN = re.compile(
    r"(?i)(password|passwd|postgres|verbatim|secret|changeme|change-me|default|admin|root|test|example|"
    r"nats|letmein|qwerty|your|here|[0-9\W_])+"
)
"""Words of which default passwords are made."""


def check_production(settings: Settings) -> None:
    """In the environment `production`. Raises SettingsError, naming the setting and what helps."""
    if settings.environment != "production":
        return
    for setting, secret in _secrets(settings):
        wrong = _wrong(secret)
        if wrong is not None:
            raise SettingsError(
                f"{setting} {wrong}; in production give it a random one (deploy/secrets.sh makes some)"
            )


def check_database(settings: Settings) -> None:
    """What every process asks before it starts. Raises what check_server does, and SettingsError."""
    check_server(settings.database_url)
    if settings.environment == "production":
        check_login(settings.database_url)


def check_login(dsn: str) -> None:
    """In production no process may serve with a login that could change events. Raises SettingsError."""
    with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
        row = connection.execute(
            "SELECT rolsuper OR pg_has_role(session_user, relowner, 'MEMBER')"
            " FROM pg_roles, pg_class WHERE rolname = session_user AND pg_class.oid = 'events'::regclass"
        ).fetchone()
    if row is None or row[0]:
        raise SettingsError(
            "VERBATIM_DATABASE_URL is the login of the tables' owner or of a superuser; in production give each process"
            " one of its own (see deploy/postgres/roles.sql)"
        )


def _secrets(settings: Settings) -> Iterator[tuple[str, str]]:
    """Those that are set. A login without a password is known to the server otherwise: by a certificate, a file."""
    for name in ("database_url", "migrate_database_url"):
        password = conninfo_to_dict(getattr(settings, name)).get("password")
        if password is not None:
            yield f"the password in VERBATIM_{name.upper()}", str(password)
    for url in filter(None, settings.nats_url.split(",")):
        address = urlsplit(url)
        yield (
            "the password in VERBATIM_NATS_URL",
            unquote(address.password or address.username or ""),
        )
    for name in ("upstream_api_key", "summarizer_api_key"):
        if value := getattr(settings, name):
            yield f"VERBATIM_{name.upper()}", value
    for name, upstream in settings.upstreams.items():
        if upstream.api_key:
            yield f"the key of `upstreams.{name}`", upstream.api_key


def _wrong(secret: str) -> str | None:
    if not secret:
        return "is missing"
    if PLAIN.fullmatch(secret):
        return "is a default one"
    if len(secret) < SHORTEST:
        return f"is shorter than {SHORTEST} characters"
    if _REPEATED.fullmatch(secret) or len(set(secret)) < 6:
        return "repeats itself"
    return None
