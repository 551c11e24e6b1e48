"""What the doctor finds, check by check: the database, NATS, the data folder, files and packages."""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import psycopg
import pytest

from deploy import vocabularies
from deploy.embedded.binaries import nats_server as nats_server_program
from deploy.embedded.child import spawn, stop
from deploy.embedded.folder import DataFolder, free_port
from deploy.embedded.nats import EmbeddedNats
from eventstore.connect import connect
from services.cli import checks, checks_servers
from services.cli.checks import check_data_folder
from services.settings import Settings
from tests.servers import Database
from tests.services.compaction.whole import give_up


def database_findings(dsn: str) -> dict[str, checks.Finding]:
    return {f.check: f for f in checks_servers.check_database(Settings(database_url=dsn))}


def test_settings_that_lose_writes_are_named(database: Database) -> None:
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {database.name} SET synchronous_commit = off")
    finding = database_findings(database.service)["durability"]
    assert finding.status == "bad"
    assert "synchronous_commit = off" in finding.text
    assert finding.mend.startswith("set synchronous_commit = on ")


@pytest.mark.parametrize("right", ["UPDATE", "DELETE", "TRUNCATE"])
def test_a_service_that_may_change_events_is_told(database: Database, right: str) -> None:
    with psycopg.connect(database.owner, autocommit=True) as connection:
        connection.execute(f"GRANT {right} ON events TO verbatim_service")
    finding = database_findings(database.service)["rights"]
    assert finding.status == "bad"
    assert finding.mend.startswith("as the owner: REVOKE ")
    with psycopg.connect(database.owner, autocommit=True) as connection:
        connection.execute(finding.mend.removeprefix("as the owner: "))
    assert database_findings(database.service)["rights"].status == "ok"


def test_a_login_that_may_not_take_the_role_is_told(database: Database) -> None:
    """As the owner's, where another database's migration made the role."""
    place = database.superuser.partition("@")[2]
    with psycopg.connect(database.superuser, autocommit=True) as superuser:
        superuser.execute("CREATE ROLE stray LOGIN PASSWORD 'x'")
        try:
            superuser.execute("GRANT SELECT ON schema_migrations TO stray")
            finding = database_findings(f"postgresql://stray:x@{place}")["rights"]
            assert finding.status == "bad"
            by, _, given = finding.mend.partition(": ")
            assert by.startswith("a superuser, or whoever made the role")
            superuser.execute(given.encode())
            assert database_findings(f"postgresql://stray:x@{place}")["rights"].status == "ok"
        finally:
            superuser.execute("DROP OWNED BY stray; DROP ROLE stray")


def test_the_events_guard_that_is_off_is_told(database: Database) -> None:
    with psycopg.connect(database.owner, autocommit=True) as connection:
        connection.execute("ALTER TABLE events DISABLE TRIGGER events_are_for_ever")
        finding = database_findings(database.service)["rights"]
        assert finding.status == "bad"
        connection.execute(finding.mend.removeprefix("as the owner: "))
    assert database_findings(database.service)["rights"].status == "ok"


def test_no_projector_and_a_parked_conversation_are_told(database: Database) -> None:
    with connect(database.service, name="test") as connection:
        connection.execute(
            "INSERT INTO readmodels.tracking (name, position) VALUES ('messages', 0)"
        )
        connection.execute(
            "INSERT INTO readmodels.parked (name, stream, position, error)"
            " VALUES ('messages', 'w:c', 1, 'x')"
        )
    findings = database_findings(database.service)
    assert findings["projections"].status == "bad"
    assert "verbatim projections run" in findings["projections"].mend
    assert findings["read model"].status == "bad"
    assert "1 conversations parked" in findings["read model"].text


def test_a_read_model_far_behind_is_a_warning(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks_servers, "BEHIND", -1)
    with connect(database.service, name="test") as connection:
        connection.execute(
            "INSERT INTO readmodels.tracking (name, position) VALUES ('messages', 0)"
        )
    assert database_findings(database.service)["read model"].status == "warn"


def test_a_clock_that_is_wrong_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks_servers.time, "time", lambda: 1_000_000_000.0)
    finding = database_findings(database.service)["clock"]
    assert finding.status == "bad"
    assert "behind the database's" in finding.text


def nats_findings(url: str) -> list[checks.Finding]:
    return list(checks_servers.check_nats(Settings(nats_url=url)))


def test_nats_with_a_wrong_password(nats_server: EmbeddedNats) -> None:
    wrong = nats_server.nats_url.replace("@", "x@")
    (finding,) = nats_findings(wrong)
    assert finding.status == "bad"
    assert wrong not in finding.text
    (finding,) = nats_findings(nats_server.nats_url)
    assert finding.status == "ok"


def test_dead_letters_are_a_warning(nats_server: EmbeddedNats) -> None:
    for number, stream in enumerate(("acme:one", "acme:two"), 1):
        asyncio.run(give_up(nats_server.nats_url, stream))
        ok, finding = nats_findings(nats_server.nats_url)
        assert (ok.check, ok.status) == ("nats", "ok")
        assert (finding.check, finding.status) == ("compaction", "warn")
        assert finding.text.startswith(f"{number} conversation")
        assert "`verbatim dlq list`" in finding.mend


def test_nats_without_jetstream(tmp_path: Path) -> None:
    port = free_port()
    server = spawn(
        [str(nats_server_program()), "-a", "127.0.0.1", "-p", str(port)],
        death_signal=signal.SIGKILL,
        output=tmp_path / "nats.log",
    )
    try:
        deadline = time.monotonic() + 30
        (finding,) = nats_findings(f"nats://127.0.0.1:{port}")
        while "cannot be reached" in finding.text and time.monotonic() < deadline:
            (finding,) = nats_findings(f"nats://127.0.0.1:{port}")
    finally:
        stop(server, signal.SIGTERM, patience=5, last=signal.SIGKILL)
    assert finding.status == "bad"
    assert finding.text.startswith("has no JetStream for this login")
    assert "-js" in finding.mend


@contextlib.contextmanager
def held(path: Path) -> Iterator[DataFolder]:
    folder = DataFolder(path)
    folder.acquire()
    try:
        yield folder
    finally:
        folder.release()


def folder_findings(path: Path) -> dict[str, checks.Finding]:
    return {f.check: f for f in check_data_folder(Settings(data_dir=str(path)))}


def test_the_data_folder_and_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "data"
    assert "is not there yet" in folder_findings(path)["data folder"].text
    assert not path.exists()
    with held(path):
        findings = folder_findings(path)
        assert {f.status for f in findings.values()} == {"ok"}
        assert findings["data lock"].text.startswith(f"process {os.getpid()} has the data folder")
    assert folder_findings(path)["data lock"].text == "nobody has the data folder"
    (path / "dev.json").write_text("{}")
    assert folder_findings(path)["data lock"].status == "warn"


def test_a_data_folder_that_others_may_enter_or_that_is_none(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    finding = folder_findings(tmp_path)["data folder"]
    assert (finding.status, finding.mend) == ("bad", f"chmod 700 '{tmp_path}'")
    file = tmp_path / "file"
    file.touch()
    assert folder_findings(file)["data folder"].status == "bad"


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, status in ((1 << 20, "bad"), (1 << 30, "warn"), (1 << 40, "ok")):
        usage = SimpleNamespace(free=free)
        monkeypatch.setattr(shutil, "disk_usage", lambda path, usage=usage: usage)
        assert folder_findings(tmp_path)["disk"].status == status


def test_a_vocabulary_that_is_damaged_or_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _ = vocabularies.expected("o200k_base")
    (tmp_path / name).write_bytes(b"damaged")
    monkeypatch.setattr(vocabularies, "folder", lambda: tmp_path)
    damaged, missing = checks.check_vocabularies()
    assert (damaged.status, missing.status) == ("bad", "bad")
    assert "damaged" in damaged.text
    assert "make dev" in damaged.mend
    assert "not installed" in missing.text


def test_packages_of_a_wrong_version_or_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [
        "msgspec>=99",
        "psycopg[binary]<4,>=3.2.10",
        "no-such-package>=1",
        "uv; extra == 'dev'",
    ]
    monkeypatch.setattr(checks, "requires", lambda name: asked)
    finding = checks.check_packages()
    assert finding.status == "bad"
    assert finding.text.startswith("msgspec is ")
    assert finding.text.endswith(", needed is >=99; no-such-package is missing")


def test_binaries_that_do_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("postgres", "#!/bin/sh\nexit 3"), ("initdb", "#!/bin/sh\necho initdb 18")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o700)
    monkeypatch.setattr(checks, "postgres_binaries", lambda: tmp_path)
    monkeypatch.setattr(checks, "nats_server", lambda: tmp_path / "nats-server")
    postgres, initdb, nats = checks.check_binaries(Settings())
    assert [f.status for f in (postgres, initdb, nats)] == ["bad", "ok", "bad"]
    assert "does not run" in postgres.text
    assert msgspec.to_builtins(initdb)["text"] == "initdb 18"
