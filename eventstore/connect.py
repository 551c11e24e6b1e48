"""Connections of the service: with its role, and only to a server that keeps our promises."""

from typing import Any

import psycopg

from eventstore.errors import SchemaMismatch, UnsafeServer
from eventstore.migrate import NO_TABLES, SERVICE_ROLE, check_schema, who_gives_role

AsyncConnection = psycopg.AsyncConnection[tuple[Any, ...]]
Connection = psycopg.Connection[tuple[Any, ...]]

_DEFAULTS: dict[str, Any] = {
    "autocommit": True,
    "prepare_threshold": 1,
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "client_encoding": "utf8",
}
# A service that was given the owner's login drops its rights here: events cannot be changed by it. A login that comes
# with a role of its own (deploy/postgres/roles.sql), by ALTER ROLE … SET role or its DSN's options, keeps that.
TAKE_ROLE = (
    f"SELECT set_config('role', '{SERVICE_ROLE}', false) WHERE current_setting('role') = 'none'"
)
# Times come as UTC whatever the server's default is: in another zone the calendar's last hours are beyond Python's.
_SET_UP = f"{TAKE_ROLE}; SET TIME ZONE 'UTC'"

_SAFE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "default_transaction_isolation": "read committed",
}
_SAFER = {"synchronous_commit": ("on", "remote_apply")}


async def connect_async(dsn: str, *, name: str) -> AsyncConnection:
    """A connection in autocommit under the service's role or the login's own; `name` shows in pg_stat_activity.

    Raises SchemaMismatch where the role is not there: the tables are not either; and where the login may not take it.
    """
    options: dict[str, Any] = {**_DEFAULTS, "application_name": f"verbatim {name}"}
    connection = await psycopg.AsyncConnection.connect(dsn, **options)
    try:
        await connection.execute(_SET_UP)
    except (psycopg.errors.InvalidParameterValue, psycopg.errors.InsufficientPrivilege) as error:
        refused = _no_role(connection, error)
        await connection.close()
        raise refused from None
    except BaseException:  # a cancelled caller, too, must leave no connection open
        await connection.close()
        raise
    return connection


def connect(dsn: str, *, name: str) -> Connection:
    """As `connect_async`, for tools and projectors."""
    options: dict[str, Any] = {**_DEFAULTS, "application_name": f"verbatim {name}"}
    connection = psycopg.Connection.connect(dsn, **options)
    try:
        connection.execute(_SET_UP)
    except (psycopg.errors.InvalidParameterValue, psycopg.errors.InsufficientPrivilege) as error:
        refused = _no_role(connection, error)
        connection.close()
        raise refused from None
    except psycopg.Error:
        connection.close()
        raise
    return connection


def _no_role(connection: psycopg.BaseConnection[Any], error: psycopg.Error) -> SchemaMismatch:
    if isinstance(error, psycopg.errors.InvalidParameterValue):
        return SchemaMismatch(NO_TABLES)
    return SchemaMismatch(
        f"this login may not take the role {SERVICE_ROLE}; {who_gives_role(connection)}"
    )


def check_server(dsn: str) -> None:
    """What every process asks before it starts.

    Raises SchemaMismatch for tables it does not know, UnsafeServer for settings that would lose an
    answered write, psycopg.OperationalError where there is no server.
    """
    with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
        check_schema(connection)
        check_durability(connection)


def check_durability(connection: Connection) -> None:
    """Raises UnsafeServer, naming the setting."""
    for setting, wanted in _SAFE.items():
        row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
        found = row[0] if row else None
        if found not in _SAFER.get(setting, (wanted,)):
            raise UnsafeServer(
                f"the PostgreSQL server has {setting} = {found}; Verbatim promises that an answered"
                f" write is durable and needs {setting} = {wanted}"
            )
