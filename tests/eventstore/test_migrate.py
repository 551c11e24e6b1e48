"""Migrations: once, together, and never past what is known."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from eventstore.connect import check_durability, check_server, connect
from eventstore.errors import SchemaMismatch, UnsafeServer
from eventstore.migrate import migrate, migrations
from tests.servers import Database

ALL = [migration.name for migration in migrations()]


def test_applied_once(empty_database: Database) -> None:
    assert migrate(empty_database.owner) == ALL
    assert migrate(empty_database.owner) == []
    check_server(empty_database.service)


def test_two_migrators_at_once(empty_database: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(migrate, [empty_database.owner] * 4))
    assert sorted(map(len, applied)) == [0, 0, 0, len(ALL)]


def test_no_tables_yet(empty_database: Database) -> None:
    with pytest.raises(SchemaMismatch, match="verbatim migrate"):
        check_server(empty_database.service)


def test_a_login_without_the_role_is_told_who_may_give_it(database: Database) -> None:
    """A role is the server's: who owns this database need not be who made it, and may then not give it."""
    place = database.superuser.partition("@")[2]
    stranger = f"postgresql://a%20stranger:x@{place}"
    with psycopg.connect(database.superuser, autocommit=True) as superuser:
        superuser.execute("CREATE ROLE \"a stranger\" LOGIN PASSWORD 'x'")
        try:
            with pytest.raises(SchemaMismatch) as told:
                check_server(stranger)
            text, _, given = str(told.value).partition(": ")
            assert "may not read the database's tables" in text
            assert "a superuser, or whoever made the role" in text
            assert given == 'GRANT verbatim_service TO "a stranger"'
            with (
                psycopg.connect(database.owner, autocommit=True) as owner,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                owner.execute(given.encode())
            superuser.execute(given.encode())
            check_server(stranger)
        finally:
            superuser.execute('DROP ROLE "a stranger"')


def test_a_missing_migration_is_named(database: Database) -> None:
    with psycopg.connect(database.owner, autocommit=True) as connection:
        connection.execute("DELETE FROM schema_migrations WHERE number = 3")
    with pytest.raises(SchemaMismatch, match="0003_read_models; run `verbatim migrate`"):
        check_server(database.service)


def test_a_newer_database_is_refused(database: Database) -> None:
    with psycopg.connect(database.owner, autocommit=True) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (9999, '9999_future', 'x')")
    for act in (check_server, migrate):
        with pytest.raises(SchemaMismatch, match="newer than this program"):
            act(database.owner)


def test_a_changed_migration_is_refused(database: Database) -> None:
    with psycopg.connect(database.owner, autocommit=True) as connection:
        connection.execute("UPDATE schema_migrations SET checksum = 'x' WHERE number = 1")
    with pytest.raises(SchemaMismatch, match="changed after it was applied"):
        migrate(database.owner)


@pytest.mark.parametrize("login", ["service", "owner"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET state = ''",
        "DELETE FROM events",
        "TRUNCATE events",
        "DELETE FROM events WHERE position = 1",
    ],
)
def test_events_cannot_be_changed(database: Database, login: str, change: str) -> None:
    """The service lacks the right; the owner, who has it, meets the trigger."""
    with psycopg.connect(getattr(database, login), autocommit=True) as connection:
        connection.execute("INSERT INTO events VALUES (1, 'w:a', 1, 't', ''::bytea, NULL)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(change)
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)


def test_the_owners_login_serves_with_the_services_rights(database: Database) -> None:
    with connect(database.owner, name="test") as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("verbatim_service",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DROP TABLE events")


@pytest.mark.parametrize("setting", ["synchronous_commit", "default_transaction_isolation"])
def test_an_unsafe_server_is_refused(database: Database, setting: str) -> None:
    unsafe = {"synchronous_commit": "off", "default_transaction_isolation": "serializable"}
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        check_durability(connection)
        connection.execute(f"SET {setting} = '{unsafe[setting]}'")
        with pytest.raises(UnsafeServer, match=setting):
            check_durability(connection)
