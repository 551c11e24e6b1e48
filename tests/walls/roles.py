"""The database as `deploy/postgres/roles.sql` divides it: what each role may, and a login of each."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from deploy.embedded.binaries import postgres_binaries
from deploy.embedded.postgres import EmbeddedPostgres
from eventstore.migrate import migrate
from tests.servers import fresh_database

POSTGRES = Path(__file__).resolve().parents[2] / "deploy/postgres"
ROLES = (
    *("command", "query", "gateway", "projections", "relay", "compaction", "operator"),
    "migration",
)
PASSWORD = "only-for-this-test"

APPENDERS = {"command", "gateway", "compaction"}
READERS = {"query", "gateway"}
HTTP = {"command", "query", "gateway"}
LOG_READERS = {"command", "query", "gateway", "projections", "relay", "compaction"}
OURS = set(ROLES) - {"migration"}

TABLES: dict[str, dict[str, set[str]]] = {
    "public.schema_migrations": {"SELECT": OURS},
    "public.events": {"SELECT": LOG_READERS, "INSERT": APPENDERS},
    "public.head": {"SELECT": LOG_READERS},
    "public.idempotency": {"SELECT": APPENDERS, "INSERT": APPENDERS, "DELETE": APPENDERS},
    "public.key_leases": {
        verb: {"command", "gateway"} for verb in ("SELECT", "INSERT", "UPDATE", "DELETE")
    },
    "public.snapshots": dict.fromkeys(("SELECT", "INSERT", "UPDATE"), APPENDERS),
    "public.api_keys": {"SELECT": {"operator"}, "INSERT": {"operator"}},
    "public.key_audit": {"SELECT": {"operator"}},
    "public.secrets": {"SELECT": READERS, "INSERT": READERS},
    "public.export_audit": {"SELECT": {"operator"}},
    "readmodels.tracking": {
        "SELECT": {"query", "gateway", "projections", "relay"},
        "INSERT": {"projections", "relay"},
        "UPDATE": {"projections"},
        "DELETE": {"projections"},
    },
    "readmodels.parked": {
        "SELECT": {"query", "gateway", "projections"},
        "INSERT": {"projections"},
        "UPDATE": {"projections"},
        "DELETE": {"projections"},
    },
}
"""Who may what with all columns of a table. The owner's part is not listed: migration may all but change the log."""

COLUMNS: dict[tuple[str, str], tuple[set[str], set[str]]] = {
    ("public.head", "UPDATE"): (APPENDERS, {"position"}),
    ("public.idempotency", "UPDATE"): ({"command", "gateway"}, {"expires_at"}),
    ("public.api_keys", "SELECT"): (
        HTTP,
        {"id", "workspace", "hash", "scopes", "unlimited", "expires_at", "revoked_at"},
    ),
    ("public.api_keys", "UPDATE"): ({"operator"}, {"revoked_at"}),
    ("public.export_audit", "SELECT"): ({"query"}, {"at"}),
    ("public.export_audit", "INSERT"): (
        {"query"},
        {"export_id", "action", "workspace", "kind", "subject", "format", "include_events"}
        | {"position", "conversations", "messages", "key_id"},
    ),
    ("readmodels.tracking", "UPDATE"): ({"relay"}, {"position"}),
}
"""And who with some columns only."""

FUNCTIONS: dict[str, set[str]] = {
    "append_batch": APPENDERS,
    "record_expired_keys": {"command", "gateway", "operator"},
    "record_key": set(),
}
TRIGGER_FUNCTIONS = {"refuse_change"}
"""Anybody's, and good for nothing but a trigger."""

ETERNAL = {"public.events", "public.key_audit", "public.export_audit"}
"""Triggers refuse change, whoever asks."""


@dataclass(frozen=True)
class Divided:
    """A database with its roles; `dsn` gives a process's login."""

    superuser: str
    prefix: str

    def dsn(self, role: str) -> str:
        return f"postgresql://verbatim_{role}_login:{PASSWORD}@{self.prefix}"


def run_roles(superuser: str) -> None:
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute((POSTGRES / "roles.sql").read_bytes())


@contextmanager
def divided_database(server: EmbeddedPostgres) -> Iterator[Divided]:
    """Made as docs/operations.md has it: roles, logins, tables, rights."""
    with fresh_database(server, template="template1") as made:
        run_roles(made.superuser)
        make_logins(made.superuser)
        divided = Divided(made.superuser, made.superuser.partition("@")[2])
        migrate(divided.dsn("migration"))
        run_roles(made.superuser)
        yield divided


def make_logins(superuser: str) -> None:
    passwords = {f"{role.upper()}_PASSWORD": PASSWORD for role in ROLES}
    path = f"{postgres_binaries()}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        [POSTGRES / "logins.sh", superuser],
        env={"PATH": path, **passwords},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert PASSWORD not in ended.stdout + ended.stderr
