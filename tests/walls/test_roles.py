"""A matrix of role and statement, tried on the server: what is listed works, all else is refused."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from eventstore.connect import connect
from projections.registry import GROUPS
from tests.projections.support import catch_up
from tests.walls.roles import (
    COLUMNS,
    ETERNAL,
    FUNCTIONS,
    OURS,
    ROLES,
    TABLES,
    TRIGGER_FUNCTIONS,
    Divided,
    run_roles,
)

SCHEMAS = ("public", "readmodels", "readmodels_rebuild", "readmodels_verify")
_RELATIONS = """
SELECT n.nspname || '.' || c.relname, array_agg(a.attname::text ORDER BY a.attnum)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'v', 'm', 'p', 'f') GROUP BY 1
"""


@pytest.fixture(scope="module")
def relations(divided: Divided) -> dict[str, list[str]]:
    """All tables and their columns, read models too."""
    catch_up(divided.dsn("projections"))
    with psycopg.connect(divided.superuser) as connection:
        return dict(connection.execute(_RELATIONS, [list(SCHEMAS)]).fetchall())


@contextmanager
def as_role(divided: Divided, role: str) -> Iterator[psycopg.Connection]:
    with connect(divided.dsn(role), name="test") as connection:
        yield connection


def allowed(connection: psycopg.Connection, statement: str) -> bool:
    """Whether the server lets it begin; what a constraint says of it afterwards does not matter. Nothing stays."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege:
        return False
    except (psycopg.IntegrityError, psycopg.errors.GeneratedAlways):
        return True
    return True


def statements(table: str, column: str) -> dict[str, str]:
    return {
        "SELECT": f"SELECT {column} FROM {table} LIMIT 1",
        "INSERT": f"INSERT INTO {table} ({column}) VALUES (DEFAULT)",
        "UPDATE": f"UPDATE {table} SET {column} = DEFAULT",
        "DELETE": f"DELETE FROM {table}",
        "TRUNCATE": f"TRUNCATE {table}",
        "DROP": f"DROP TABLE {table}",
        "ALTER": f"ALTER TABLE {table} DISABLE TRIGGER ALL",
    }


def may(role: str, table: str, verb: str, column: str) -> bool:
    if table not in TABLES:  # a read model
        return role == "projections" or (verb == "SELECT" and role in {"query", "gateway"})
    some, columns = COLUMNS.get((table, verb), (set(), set()))
    return role in TABLES[table].get(verb, set()) or (role in some and column in columns)


def test_every_table_is_listed(relations: dict[str, list[str]]) -> None:
    """A new one is refused to all until roles.sql and this matrix name it."""
    models = {
        f"readmodels.{table.name}"
        for group in GROUPS
        for model in group.models()
        for table in model.tables
    }
    assert set(relations) == set(TABLES) | models
    for (table, _), (_, columns) in COLUMNS.items():
        assert columns <= set(relations[table])


@pytest.mark.parametrize("role", sorted(OURS))
def test_tables(divided: Divided, relations: dict[str, list[str]], role: str) -> None:
    wrong: list[str] = []
    with as_role(divided, role) as connection:
        for table, columns in relations.items():
            for column in columns:
                for verb, statement in statements(table, column).items():
                    expected = may(role, table, verb, column)
                    if allowed(connection, statement) != expected:
                        wrong.append(f"{'refused' if expected else 'allowed'}: {statement}")
    assert wrong == []


@pytest.mark.parametrize("role", sorted(OURS))
def test_functions(divided: Divided, role: str) -> None:
    with as_role(divided, role) as connection:
        rows = connection.execute(
            "SELECT proname, has_function_privilege(oid, 'EXECUTE') FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace"
        ).fetchall()
    found = dict(rows)
    assert set(found) == set(FUNCTIONS) | TRIGGER_FUNCTIONS
    assert {name for name in FUNCTIONS if found[name]} == {
        name for name, roles in FUNCTIONS.items() if role in roles
    }


@pytest.mark.parametrize("role", sorted(OURS))
def test_all_else(divided: Divided, role: str) -> None:
    with as_role(divided, role) as connection:
        for schema in SCHEMAS:
            mine = role == "projections" and schema != "public"
            assert allowed(connection, f"CREATE TABLE {schema}.other (x int)") == mine, schema
        assert allowed(connection, "CREATE TEMP TABLE other (x int)") == (role == "projections")
        for other in (*ROLES, "service"):
            if other != role:
                assert not allowed(connection, f"SET LOCAL ROLE verbatim_{other}"), other
        for statement in (
            "CREATE SCHEMA other",
            "CREATE ROLE other",
            "ALTER ROLE verbatim_relay LOGIN",
            "SELECT pg_read_file('PG_VERSION')",
            "COPY events TO PROGRAM 'cat'",
            "SELECT rolpassword FROM pg_authid",
            "DROP TRIGGER events_are_for_ever ON events",
            "SET LOCAL session_replication_role = replica",
        ):
            assert not allowed(connection, statement), statement


def test_the_owner_changes_tables_but_not_what_they_say(
    divided: Divided, relations: dict[str, list[str]]
) -> None:
    with psycopg.connect(divided.dsn("migration"), autocommit=True) as connection:
        for table, columns in relations.items():
            eternal = table in ETERNAL
            for verb, statement in statements(table, columns[0]).items():
                if verb == "ALTER":
                    continue  # it may: whoever owns a table may switch its triggers off, and the log shows who did
                if table in TABLES:
                    refused = eternal and verb in {"UPDATE", "DELETE", "TRUNCATE"}
                    assert allowed(connection, statement) != refused, statement
                else:
                    # The schema's owner removes what is in it, and reads none of it.
                    assert allowed(connection, statement) == (verb == "DROP"), statement
        assert not allowed(connection, "SELECT rolpassword FROM pg_authid")
        assert not allowed(connection, "CREATE ROLE other")


def test_a_superuser_meets_the_trigger_too(divided: Divided) -> None:
    with psycopg.connect(divided.superuser, autocommit=True) as connection:
        for table in ETERNAL:
            for verb in ("UPDATE {} SET position = 0", "DELETE FROM {}", "TRUNCATE {}"):
                if table != "public.key_audit" or "position" not in verb:
                    assert not allowed(connection, verb.format(table)), (table, verb)


def test_a_stranger_may_nothing(divided: Divided) -> None:
    with psycopg.connect(divided.superuser, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS stranger")
        connection.execute("CREATE ROLE stranger LOGIN PASSWORD 'x'")
    with pytest.raises(psycopg.OperationalError, match="CONNECT privilege"):
        psycopg.connect(divided.dsn("query"), user="stranger", password="x")


def test_rights_that_were_given_by_hand_are_taken_back(divided: Divided) -> None:
    with psycopg.connect(divided.superuser, autocommit=True) as connection:
        connection.execute(sql.SQL("GRANT UPDATE ON events TO verbatim_query"))
    run_roles(divided.superuser)
    with as_role(divided, "query") as connection:
        assert not allowed(connection, "UPDATE events SET position = 0")
