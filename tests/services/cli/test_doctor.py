"""`verbatim doctor` on a healthy system, on a stopped one, and on each thing that can be wrong."""

import asyncio
from typing import Any

import psycopg
import pytest

from deploy.embedded.nats import EmbeddedNats
from projections.registry import NAMES
from tests.running import wait_until
from tests.servers import Database
from tests.services.cli.support import CommandLine, Ended, at
from tests.services.compaction.whole import give_up
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
    api.get("/conversations")  # the projections of one group have begun
    with psycopg.connect(api.database.service, autocommit=True) as connection:
        tracked = "SELECT count(*) FROM readmodels.tracking WHERE name = ANY (%s)"
        wait_until(  # and of all: each group begins in its own time
            lambda: connection.execute(tracked, [NAMES]).fetchone() == (len(NAMES),), 60
        )
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


def test_what_is_given_up_is_not_all_well(healthy: CommandLine, nats_server: EmbeddedNats) -> None:
    asyncio.run(give_up(nats_server.nats_url, "acme:c"))
    ended = healthy("doctor")
    assert (ended.code, ended.err) == (0, "")
    *_, line, _, _, last = ended.out.splitlines()
    assert line.startswith("warn  compaction   1 conversation could not be compacted → ")
    assert last == "nothing is bad, 1 to look at"


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


def test_a_database_alone_may_be_well(doctor: CommandLine, api: Api) -> None:
    """Where each process runs by itself, nobody sets the address of the service for the others."""
    doctor.set(database_url=api.database.service)
    ended = doctor("doctor", "--json")
    findings = found(ended)
    for name, setting in (("nats", "VERBATIM_NATS_URL"), ("service", "VERBATIM_BASE_URL")):
        assert findings[name]["status"] == "warn"
        assert findings[name]["text"] == "not checked: none is set"
        assert findings[name]["mend"].startswith(f"set {setting}")
    assert not bad(ended) & {"nats", "service"}


def test_wrong_settings_are_told_and_the_rest_is_checked(doctor: CommandLine) -> None:
    ended = doctor("doctor", "--json", env={"VERBATIM_PORT": "http"})
    assert (ended.code, bad(ended)) == (1, {"settings"})
    findings = found(ended)
    assert findings["settings"]["text"].startswith("VERBATIM_PORT is 'http': expected an integer")
    assert findings.keys() == {"settings", "python", "packages", "vocabulary"}


def test_a_database_newer_than_the_program(doctor: CommandLine, database: Database) -> None:
    with psycopg.connect(database.owner) as connection:
        connection.execute(
            "INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, '9999_later', 'x')"
        )
    doctor.set(database_url=database.service)
    ended = doctor("doctor", "--json")
    assert ended.code == 1
    assert bad(ended) == {"schema"}
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


def test_a_key_that_the_service_does_not_know(healthy: CommandLine, api: Api) -> None:
    finding = found(healthy("doctor", "--json", env={"VERBATIM_API_KEY": "vb_no"}))["service"]
    assert finding["status"] == "bad"
    assert "verbatim keys create" in finding["mend"]
    writer = new_key(api.database.service, scopes=("write",))
    finding = found(healthy("doctor", "--json", env={"VERBATIM_API_KEY": writer}))["service"]
    assert finding["status"] == "ok"
    assert finding["text"].endswith("answers and the key may not read")
