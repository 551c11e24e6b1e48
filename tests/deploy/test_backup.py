"""A backup of the log is a backup of everything: what is left out is made again."""

import subprocess
from pathlib import Path

import psycopg
import pytest

from deploy.embedded.binaries import postgres_binaries
from deploy.embedded.postgres import EmbeddedPostgres
from tests.histories import make_log, store
from tests.projections.support import catch_up, expected, rows_of
from tests.servers import PROGRAMS, Database, fresh_database
from tests.services.support import Api, new_key, projecting, serving

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "backup.sh"
LOG = "SELECT position, originator_id, originator_version, topic, state, message_id FROM events ORDER BY position"


def backup(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": "/usr/bin:/bin", "PG_BIN": PROGRAMS or str(postgres_binaries())}
    return subprocess.run(
        [SCRIPT, *arguments], env=environ, text=True, capture_output=True, timeout=60, check=False
    )


def done(*arguments: str | Path) -> None:
    ended = backup(*arguments)
    assert ended.returncode == 0, ended.stderr


def test_a_restored_log_serves_and_goes_on(
    database: Database, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    histories, rows = make_log(11, conversations=8, commands=300)
    store(database.owner, rows)
    catch_up(database.service)
    key = new_key(database.service, "w0")
    file = tmp_path / "log.dump"
    done("dump", file, database.owner)
    with fresh_database(postgres, template="template1") as restored:
        done("restore", file, restored.owner)
        with psycopg.connect(restored.owner) as new, psycopg.connect(database.owner) as old:
            assert new.execute(LOG).fetchall() == old.execute(LOG).fetchall()
            assert new.execute("SELECT count(*) FROM readmodels.tracking").fetchone() == (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                new.execute("DELETE FROM events")  # the guard came along
        catch_up(restored.service)
        assert rows_of(restored.superuser) == expected(histories)
        with projecting(restored.service), serving(restored.service) as address:
            api = Api(address, restored, key)  # keys came along
            answer = api.post("/conversations", {"id": "after"})
            assert answer.status_code == 201, answer.text
            assert int(answer.headers["x-event-position"]) == len(rows) + 1
            assert api.get("/conversations/after").status_code == 200
            api.close()


def test_a_backup_holds_no_read_model(database: Database, tmp_path: Path) -> None:
    """They would be most of it."""
    _, rows = make_log(12, conversations=2, commands=40)
    store(database.owner, rows)
    catch_up(database.service)
    file = tmp_path / "log.dump"
    done("dump", file, database.owner)
    listed = subprocess.run(
        [postgres_binaries() / "pg_restore", "--list", file],
        text=True,
        capture_output=True,
        check=True,
    ).stdout
    assert "TABLE DATA public events" in listed
    assert "TABLE readmodels tracking" in listed
    assert "messages_v1" not in listed
    assert "TABLE DATA readmodels" not in listed
    assert "TABLE public snapshots" in listed
    assert "TABLE DATA public snapshots" not in listed


def test_a_failed_backup_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "log.dump"
    ended = backup("dump", file, "postgresql://nobody:x@127.0.0.1:1/nothing")
    assert ended.returncode != 0
    assert not file.exists()
    assert backup("dump", file).returncode == 2
