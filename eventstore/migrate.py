"""Brings the database's tables to what this program knows; each file once, in a transaction of its own."""

from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from eventstore.errors import SchemaMismatch

SERVICE_ROLE = "verbatim_service"
LOCK = 0x7665_7262_6174_696D  # "verbatim" in ASCII: one lock for all migrators of a database
OLDEST_SERVER = 15
NO_TABLES = "the database has no tables yet; run `verbatim migrate`"


class Migration(NamedTuple):
    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return sha256(self.text.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All of this program's, in order."""
    folder = files("eventstore").joinpath("migrations")
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return [
        Migration(int(entry.name[:4]), entry.name.removesuffix(".sql"), entry.read_text("utf-8"))
        for entry in sorted(found, key=lambda entry: entry.name)
    ]


def migrate(dsn: str) -> list[str]:
    """Apply what is missing, as the owner; safe twice and from several processes at once.

    Returns the names of what was applied. Raises SchemaMismatch where the database is newer than this
    program or a file was changed after it was applied.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        _check_version(connection)
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (number int PRIMARY KEY, name text NOT NULL,"
            " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        applied = _applied(connection)
        missing = _missing(applied)
        for migration in missing:
            with connection.transaction():
                _apply(connection, migration)
        _let_owner_serve(connection)
        return [migration.name for migration in missing]


def check_schema(connection: psycopg.Connection[Any]) -> None:
    """Raises SchemaMismatch, naming the command that helps, unless the tables are this program's."""
    try:
        missing = _missing(_applied(connection))
    except psycopg.errors.UndefinedTable:
        raise SchemaMismatch(NO_TABLES) from None
    except psycopg.errors.InsufficientPrivilege:
        raise SchemaMismatch(
            f"this login may not read the database's tables; after `verbatim migrate` {who_gives_role(connection)}"
        ) from None
    if missing:
        names = ", ".join(migration.name for migration in missing)
        raise SchemaMismatch(f"the database lacks {names}; run `verbatim migrate`")


def who_gives_role(connection: psycopg.BaseConnection[Any]) -> str:
    """To this login. A role belongs to the server: the owner of this database may not be the one who made it."""
    login = sql.Identifier(connection.info.user).as_string(connection)
    return (
        "a superuser, or whoever made the role (perhaps for another database of this server), has to run:"
        f" GRANT {SERVICE_ROLE} TO {login}"
    )


def _applied(connection: psycopg.Connection[Any]) -> dict[int, tuple[str, str]]:
    rows = connection.execute("SELECT number, name, checksum FROM schema_migrations").fetchall()
    return {number: (name, checksum) for number, name, checksum in rows}


def _missing(applied: dict[int, tuple[str, str]]) -> list[Migration]:
    known = migrations()
    unknown = sorted(set(applied) - {migration.number for migration in known})
    if unknown:
        raise SchemaMismatch(
            f"the database is newer than this program (it has {applied[unknown[-1]][0]});"
            " upgrade the program, then run `verbatim migrate`"
        )
    for migration in known:
        if migration.number in applied and applied[migration.number][1] != migration.checksum:
            raise SchemaMismatch(
                f"{migration.name} was changed after it was applied; run the program it came from,"
                " or add a new migration, then run `verbatim migrate`"
            )
    return [migration for migration in known if migration.number not in applied]


def _apply(connection: psycopg.Connection[Any], migration: Migration) -> None:
    try:
        connection.execute(migration.text.encode())
    except psycopg.errors.InsufficientPrivilege as error:
        raise SchemaMismatch(
            f"{migration.name}: {error.diag.message_primary}; as an administrator run"
            f" CREATE ROLE {SERVICE_ROLE} NOLOGIN and give this login the database,"
            " then run `verbatim migrate` again"
        ) from error
    connection.execute(
        "INSERT INTO schema_migrations (number, name, checksum) VALUES (%s, %s, %s)",
        [migration.number, migration.name, migration.checksum],
    )
    connection.execute(
        sql.SQL("GRANT SELECT ON schema_migrations TO {}").format(sql.Identifier(SERVICE_ROLE))
    )


def _let_owner_serve(connection: psycopg.Connection[Any]) -> None:
    """With a single login for everything, services take the service's role: the owner must be a member."""
    member = connection.execute(
        "SELECT pg_has_role(current_user, %s, 'MEMBER')", [SERVICE_ROLE]
    ).fetchone()
    if member is not None and not member[0]:
        try:
            connection.execute(
                sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(SERVICE_ROLE))
            )
        except psycopg.errors.InsufficientPrivilege:
            return  # a login of its own serves; `check_schema` tells whoever may not


def _check_version(connection: psycopg.Connection[Any]) -> None:
    if connection.info.server_version < OLDEST_SERVER * 10_000:
        version = connection.info.server_version // 10_000
        raise SchemaMismatch(f"PostgreSQL {version} is too old; {OLDEST_SERVER} or later is needed")
