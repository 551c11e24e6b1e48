"""`deploy/postgres/roles.sql` by an administrator who is no superuser, as managed servers have them."""

from collections.abc import Iterator

import psycopg
import pytest

from eventstore.migrate import migrate
from tests.servers import running_postgres
from tests.walls.roles import PASSWORD, ROLES, make_logins, run_roles

_RIGHTS = """
SELECT n.nspname, c.relname, '' AS part, acl.grantee::regrole::text, acl.privilege_type
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) AS acl
 WHERE n.nspname !~ '^pg_|^information_schema'
UNION ALL
SELECT n.nspname, c.relname, a.attname, acl.grantee::regrole::text, acl.privilege_type
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
       aclexplode(a.attacl) AS acl
 WHERE n.nspname !~ '^pg_|^information_schema'
UNION ALL
SELECT n.nspname, p.proname, '', acl.grantee::regrole::text, acl.privilege_type
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, aclexplode(p.proacl) AS acl
 WHERE n.nspname !~ '^pg_|^information_schema'
UNION ALL
SELECT n.nspname, '', '', acl.grantee::regrole::text, acl.privilege_type
  FROM pg_namespace n, aclexplode(n.nspacl) AS acl
 WHERE n.nspname ~ '^readmodels'
UNION ALL
SELECT n.nspname, d.defaclobjtype::text, d.defaclrole::regrole::text, acl.grantee::regrole::text, acl.privilege_type
  FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) AS acl
"""
"""Who may what in a database, whoever gave it."""


class Server:
    """One without a role of ours: roles belong to a server, not to a database."""

    def __init__(self, superuser: str) -> None:
        self.superuser = superuser
        self._place = superuser.partition("@")[2].partition("/")[0]
        with psycopg.connect(superuser, autocommit=True) as connection:
            connection.execute("DROP DATABASE verbatim")
            connection.execute("DROP ROLE verbatim, verbatim_owner, verbatim_service")
            for name in ("first", "second"):
                connection.execute(f"CREATE ROLE {name} LOGIN CREATEROLE PASSWORD '{PASSWORD}'")
                connection.execute(f"CREATE DATABASE of_{name} OWNER {name}")
            connection.execute("CREATE DATABASE of_superuser")

    def dsn(self, login: str, database: str) -> str:
        return f"postgresql://{login}:{PASSWORD}@{self._place}/{database}"

    def of_superuser(self) -> str:
        return f"{self.superuser.rpartition('/')[0]}/of_superuser"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_postgres(tmp_path_factory.mktemp("lesser")) as made:
        yield Server(made.superuser_url)


def set_up(server: Server, administrator: str, database: str) -> set[tuple[str, ...]]:
    """As docs/operations.md has it but for the logins, which the server has already; the upgrade too."""
    run_roles(administrator)
    migrate(server.dsn("verbatim_migration_login", database))
    with psycopg.connect(administrator, autocommit=True) as connection:
        connection.execute("SET ROLE verbatim_service")  # a small set-up that was there before
        connection.execute("CREATE TABLE readmodels.made_before (number int)")
    run_roles(administrator)
    run_roles(administrator)
    with psycopg.connect(administrator) as connection:
        return set(connection.execute(_RIGHTS).fetchall())


def test_whoever_may_make_roles_and_owns_the_database(server: Server) -> None:
    run_roles(server.dsn("first", "of_first"))
    make_logins(server.dsn("first", "of_first"))
    by_lesser = set_up(server, server.dsn("first", "of_first"), "of_first")
    by_superuser = set_up(server, server.of_superuser(), "of_superuser")
    assert by_lesser == by_superuser
    assert ("public", "events", "", "verbatim_command", "INSERT") in by_lesser
    assert ("readmodels", "made_before", "", "verbatim_query", "SELECT") in by_lesser
    with psycopg.connect(server.superuser) as connection:
        knows_makers = connection.info.server_version >= 16_00_00
    if knows_makers:  # before, whoever may make roles may give each to all
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="verbatim_service"):
            run_roles(server.dsn("second", "of_second"))
    with psycopg.connect(server.dsn("first", "of_first"), autocommit=True) as connection:
        roles = ", ".join(f"verbatim_{role}" for role in (*ROLES, "service"))
        connection.execute(f"GRANT {roles} TO second WITH ADMIN OPTION".encode())
    assert set_up(server, server.dsn("second", "of_second"), "of_second") == by_superuser
