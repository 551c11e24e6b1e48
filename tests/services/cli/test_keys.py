"""`verbatim keys`: shown once, stored as a hash, listed without secrets, revoked."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import psycopg
import pytest

from services.http.keys import FORM, well_formed
from tests.servers import Database
from tests.services.cli.support import CommandLine, at
from tests.services.support import Api

CREATE = ("keys", "create", "--workspace", "acme", "--name", "gateway")


@pytest.fixture
def keys(cli: CommandLine, module_database: Database) -> CommandLine:
    cli.set(database_url=module_database.service)
    return cli


def rows(database: Database, key_id: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.superuser) as connection:
        return connection.execute("SELECT * FROM api_keys WHERE id = %s", [key_id]).fetchall()


def test_a_key_is_shown_once_and_stored_as_a_hash(
    keys: CommandLine, module_database: Database
) -> None:
    ended = keys(*CREATE)
    assert ended.code == 0
    key = ended.out.strip()
    assert FORM.fullmatch(key)
    assert well_formed(key)
    key_id, _, told = ended.err.partition(": ")
    assert told == "keep the key above; it is not shown again\n"
    assert key not in ended.err
    [row] = rows(module_database, key_id)
    assert sha256(key.encode()).digest() in row
    secret = key.rpartition("_")[2]
    assert secret not in repr(row)
    listed = keys("keys", "list")
    listed_as_json = keys("keys", "list", "--json")
    for shown in (listed.out, listed_as_json.out):
        assert key_id in shown
        assert key[:11] in shown  # the prefix
        assert secret not in shown
        assert "hash" not in shown


def test_the_checksum_refuses_a_typo_in_any_place(keys: CommandLine) -> None:
    key = keys(*CREATE).out.strip()
    for place in range(3, len(key)):
        wrong = "0" if key[place] != "0" else "1"
        assert not well_formed(f"{key[:place]}{wrong}{key[place + 1 :]}")


def test_a_key_as_json(keys: CommandLine) -> None:
    made = keys(*CREATE, "--scopes", "export, read,read", "--expires", "12h", "--json").json
    assert well_formed(made.pop("key"))
    assert made.pop("id").startswith("key_")
    expires = datetime.fromisoformat(made.pop("expires_at"))
    assert timedelta(hours=11) < expires - datetime.now(UTC) <= timedelta(hours=12)
    assert made.pop("created_at")
    assert made.pop("prefix").startswith("vb_")
    assert made == {
        "workspace": "acme",
        "name": "gateway",
        "scopes": ["export", "read"],
        "revoked_at": None,
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("90d", timedelta(days=90)),
        ("1h", timedelta(hours=1)),
        ("2999-01-01T00:00:00Z", datetime(2999, 1, 1, tzinfo=UTC)),
        ("2999-01-01T02:00:00+02:00", datetime(2999, 1, 1, tzinfo=UTC)),
        ("2999-01-01", datetime(2999, 1, 1, tzinfo=UTC)),
    ],
)
def test_the_forms_of_an_expiry(
    keys: CommandLine, given: str, expected: timedelta | datetime
) -> None:
    before = datetime.now(UTC)
    made = keys(*CREATE, "--expires", given, "--json").json
    found = datetime.fromisoformat(made["expires_at"])
    if isinstance(expected, datetime):
        assert found == expected
    else:
        assert before + expected <= found <= datetime.now(UTC) + expected


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--expires", "soon", "--expires takes a time (2027-01-01T00:00:00Z) or 12h, 90d"),
        ("--expires", "99999d9", "--expires takes a time"),
        ("--expires", "0h", "--expires is in the past"),
        ("--expires", "2001-01-01", "--expires is in the past"),
        ("--scopes", "read,admin", "--scopes takes some of read,write,export"),
        ("--scopes", " , ", "--scopes takes some of read,write,export"),
        ("--workspace", "Acme", "--workspace takes 1 to 32 of a-z, 0-9 and -"),
        ("--workspace", "a" * 33, "--workspace takes 1 to 32 of a-z, 0-9 and -"),
        ("--workspace", "acme\n", "--workspace takes 1 to 32 of a-z, 0-9 and -"),
        ("--name", " ", "--name takes 1 to 255 printable characters"),
        ("--name", "a\x1bb", "--name takes 1 to 255 printable characters"),
        ("--name", "x" * 256, "--name takes 1 to 255 printable characters"),
    ],
)
def test_a_wrong_option_is_one_line_and_makes_no_key(
    keys: CommandLine, option: str, value: str, told: str
) -> None:
    before = len(keys("keys", "list", "--json").json)
    ended = keys(*CREATE, option, value)
    assert (ended.code, ended.out) == (2, "")
    assert ended.error.startswith(told)
    assert len(keys("keys", "list", "--json").json) == before


def test_a_list_of_one_workspace_tells_each_key_s_state(keys: CommandLine) -> None:
    for options in ([], ["--expires", "90d"]):
        made = keys(*CREATE, *options, "--workspace", "listed", "--json").json
        keys(*CREATE, "--workspace", "other")
    keys("keys", "revoke", made["id"])
    table = keys("keys", "list", "--workspace", "listed")
    assert "other" not in table.out
    assert [line.split()[-1] for line in table.out.splitlines()] == ["state", "valid", "revoked"]
    records = keys("keys", "list", "--workspace", "listed", "--json").json
    assert [record["revoked_at"] is None for record in records] == [True, False]
    assert keys("keys", "list", "--workspace", "nobody", "--json").json == []


def test_an_unknown_key_cannot_be_revoked(keys: CommandLine) -> None:
    ended = keys("keys", "revoke", "key_nope")
    assert (ended.code, ended.out) == (1, "")
    assert ended.error == "there is no key key_nope; see `verbatim keys list`"


def test_revoking_twice_keeps_the_first_time(keys: CommandLine, module_database: Database) -> None:
    made = keys(*CREATE, "--json").json
    assert keys("keys", "revoke", made["id"]).out == f"{made['id']} is revoked\n"
    first = rows(module_database, made["id"])
    assert keys("keys", "revoke", made["id"]).code == 0
    assert rows(module_database, made["id"]) == first


def test_scopes_hold_and_a_revoked_key_is_refused(cli: CommandLine, api: Api) -> None:
    at(cli, api)
    made = cli(*CREATE, "--scopes", "read", "--json").json
    headers = {"authorization": f"Bearer {made['key']}"}
    assert api.get("/conversations", headers=headers).status_code == 200
    assert api.post("/conversations", {}, headers=headers).status_code == 403
    cli("keys", "revoke", made["id"])
    fresh = cli(*CREATE, "--json").json
    cli("keys", "revoke", fresh["id"])
    refused = api.get("/conversations", headers={"authorization": f"Bearer {fresh['key']}"})
    assert refused.status_code == 401


def test_a_database_without_tables_names_the_command(
    cli: CommandLine, empty_database: Database
) -> None:
    cli.set(database_url=empty_database.service)
    ended = cli("keys", "list")
    assert ended.code == 2
    assert "verbatim migrate" in ended.error
