"""`verbatim doctor` on a healthy system, on a stopped one, and on each thing that can be wrong."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

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
from tests.services.cli.support import CommandLine, Ended, at
from tests.services.support import Api, new_key

ALL = {
    *("settings", "python", "packages", "vocabulary", "embedded", "data folder", "disk"),
    *("database", "clock", "durability", "schema", "rights", "read model", "nats", "service"),
}


def found(ended: Ended) -> dict[str, dict[str, Any]]:
    """The last finding of each check."""
    return {finding["check"]: finding for finding in ended.json["checks"]}


def bad(ended: Ended) -> set[str]:
    return {f["check"] for f in ended.json["checks"] if f["status"] == "bad"}


@pytest.fixture
def doctor(cli: CommandLine) -> CommandLine:
    return cli


@pytest.fixture
def healthy(cli: CommandLine, api: Api, nats_server: EmbeddedNats) -> CommandLine:
    cli.set(nats_url=nats_server.nats_url)
    api.get("/conversations")  # the projections have begun
    return at(cli, api)


def test_a_healthy_system_is_all_ok(healthy: CommandLine) -> None:
    ended = healthy("doctor", "--json")
    assert bad(ended) == set()
    assert (ended.code, ended.json["ok"], ended.err) == (0, True, "")
    findings = found(ended)
    assert findings.keys() >= ALL
    assert {finding["status"] for finding in findings.values()} == {"ok"}
    assert not any(finding["mend"] for finding in findings.values())
    read_models = [f["text"] for f in ended.json["checks"] if f["check"] == "read model"]
    assert {text.partition(".")[0] for text in read_models} >= {"conversations", "messages"}


def test_people_get_a_line_a_check_without_secrets(healthy: CommandLine) -> None:
    ended = healthy("doctor")
    assert (ended.code, ended.err) == (0, "")
    *lines, empty, last = ended.out.splitlines()
    assert (empty, last) == ("", "all is well")
    assert all(line.startswith("ok    ") for line in lines)
    assert len(lines) == len(healthy("doctor", "--json").json["checks"])
    for secret in (healthy.environ["VERBATIM_API_KEY"], "@127.0.0.1"):
        assert secret not in ended.out


def test_with_nothing_running_it_says_how_to_start(doctor: CommandLine) -> None:
    ended = doctor("doctor")
    assert (ended.code, ended.err) == (1, "")
    lines = [line for line in ended.out.splitlines() if line.startswith(("bad", "warn"))]
    assert [line.split()[1] for line in lines] == ["database", "nats", "service"]
    assert all("start everything with `verbatim dev`" in line for line in lines)
    assert "not checked: its settings, schema, rights, clock, read models" in lines[0]
    assert ended.out.endswith("\n2 to mend\n")


def test_a_stopped_system_is_said_once_and_nothing_else_of_it(doctor: CommandLine) -> None:
    doctor.set(
        database_url="postgresql://verbatim:sesame@127.0.0.1:1/verbatim",
        nats_url="nats://verbatim:sesame@127.0.0.1:1",
        base_url="http://127.0.0.1:1/v1",
        api_key="vb_sesame",
    )
    ended = doctor("doctor", "--json")
    assert ended.code == 1
    assert bad(ended) == {"database", "nats", "service"}
    assert "sesame" not in ended.out
    findings = found(ended)
    assert not findings.keys() & {"clock", "durability", "schema", "rights", "read model"}
    assert findings["database"]["text"].startswith("cannot be reached: ")
    assert "VERBATIM_DATABASE_URL" in findings["database"]["mend"]
    assert findings["nats"]["text"].startswith("cannot be reached: ")
    assert findings["service"]["text"].startswith("http://127.0.0.1:1/v1 does not answer")
    # With servers of one's own the embedded ones are of no matter.
    assert findings["embedded"]["text"].startswith("not needed")


def test_wrong_settings_are_told_and_the_rest_is_checked(doctor: CommandLine) -> None:
    ended = doctor("doctor", "--json", env={"VERBATIM_PORT": "http"})
    assert (ended.code, bad(ended)) == (1, {"settings"})
    findings = found(ended)
    assert findings["settings"]["text"].startswith("VERBATIM_PORT is 'http': expected int")
    assert findings.keys() == {"settings", "python", "packages", "vocabulary"}


def test_a_database_newer_than_the_program(doctor: CommandLine, database: Database) -> None:
    with psycopg.connect(database.owner) as connection:
        connection.execute(
            "INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, '9999_later', 'x')"
        )
    doctor.set(database_url=database.service)
    ended = doctor("doctor", "--json")
    assert ended.code == 1
    assert bad(ended) == {"schema", "service"}
    finding = found(ended)["schema"]
    assert "newer than this program (it has 9999_later)" in finding["text"]
    assert finding["mend"] == "upgrade the program, then run `verbatim migrate`"
    assert not found(ended).keys() & {"rights", "read model"}


def test_a_database_without_tables_names_the_command(
    doctor: CommandLine, empty_database: Database
) -> None:
    doctor.set(database_url=empty_database.service)
    finding = found(doctor("doctor", "--json"))["schema"]
    assert (finding["status"], finding["mend"]) == ("bad", "run `verbatim migrate`")


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


def test_nats_with_a_wrong_password(nats_server: EmbeddedNats) -> None:
    wrong = nats_server.nats_url.replace("@", "x@")
    finding = checks_servers.check_nats(Settings(nats_url=wrong))
    assert finding.status == "bad"
    assert wrong not in finding.text
    assert checks_servers.check_nats(Settings(nats_url=nats_server.nats_url)).status == "ok"


def test_nats_without_jetstream(tmp_path: Path) -> None:
    port = free_port()
    server = spawn(
        [str(nats_server_program()), "-a", "127.0.0.1", "-p", str(port)],
        death_signal=signal.SIGKILL,
        output=tmp_path / "nats.log",
    )
    try:
        deadline = time.monotonic() + 30
        finding = checks_servers.check_nats(Settings(nats_url=f"nats://127.0.0.1:{port}"))
        while "cannot be reached" in finding.text and time.monotonic() < deadline:
            finding = checks_servers.check_nats(Settings(nats_url=f"nats://127.0.0.1:{port}"))
    finally:
        stop(server, signal.SIGTERM, patience=5, last=signal.SIGKILL)
    assert finding.status == "bad"
    assert finding.text.startswith("has no JetStream for this login")
    assert "-js" in finding.mend


def test_a_key_that_the_service_does_not_know(healthy: CommandLine, api: Api) -> None:
    finding = found(healthy("doctor", "--json", env={"VERBATIM_API_KEY": "vb_no"}))["service"]
    assert finding["status"] == "bad"
    assert "verbatim keys create" in finding["mend"]
    writer = new_key(api.database.service, scopes=("write",))
    finding = found(healthy("doctor", "--json", env={"VERBATIM_API_KEY": writer}))["service"]
    assert finding["status"] == "ok"
    assert finding["text"].endswith("answers and the key may not read")


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
