"""`verbatim config`: what is in effect, where from, and no secret."""

from typing import Any

import pytest

from services.cli.config import table
from services.settings import FILE, Settings
from tests.services.cli.support import CommandLine

SECRETS = {
    "database_url": "postgresql://u:sesame@db/verbatim",
    "migrate_database_url": "postgresql://owner:sesame@db/verbatim",
    "nats_url": "nats://u:sesame@mq:4222",
    "api_key": "vb_sesame",
}


@pytest.mark.parametrize("form", [[], ["--json"], ["--markdown"]])
def test_config_never_prints_a_secret(cli: CommandLine, form: list[str]) -> None:
    cli.write(FILE, f'api_key = "{SECRETS["api_key"]}"')
    cli.set(**{name: value for name, value in SECRETS.items() if name != "api_key"})
    ended = cli("config", *form)
    assert (ended.code, ended.err) == (0, "")
    assert "sesame" not in ended.out
    assert ended.out.count("(hidden)") == (0 if form == ["--markdown"] else len(SECRETS))


def test_config_says_where_each_value_comes_from(cli: CommandLine) -> None:
    path = cli.write(FILE, "port = 9001\nmax_batch = 7\n")
    cli.set(port=9000)
    lines = {line.split()[0]: line.split()[1:] for line in cli("config").out.splitlines()}
    assert lines["VERBATIM_PORT"] == ["9000", "environment"]
    assert lines["VERBATIM_MAX_BATCH"] == ["7", str(path)]
    assert lines["VERBATIM_HOST"] == ["127.0.0.1", "default"]
    assert lines["VERBATIM_DATABASE_URL"] == ["(unset)", "default"]
    assert len(lines) == len(Settings.__struct_fields__)
    shown: dict[str, Any] = cli("config", "--json").json
    assert shown["VERBATIM_PORT"] == {"value": "9000", "source": "environment"}
    assert shown.keys() == lines.keys()


def test_the_readme_s_table_has_every_setting_and_no_value_of_this_machine(
    cli: CommandLine,
) -> None:
    ended = cli("config", "--markdown", env={"VERBATIM_PORT": "9000", "VERBATIM_NONSENSE": "1"})
    assert ended.out.rstrip("\n") == table()
    rows = [line.split(" | ") for line in table().splitlines()[2:]]
    assert [row[0].strip("| `") for row in rows] == [
        f"VERBATIM_{name.upper()}" for name in Settings.__struct_fields__
    ]
    assert all(len(row) == 3 for row in rows)
    assert "| `VERBATIM_PORT` | `8080` |" in table()


@pytest.mark.parametrize(
    "command", [["config"], ["migrate"], ["keys", "list"], ["dev"], ["command"]]
)
def test_a_wrong_setting_stops_every_command(cli: CommandLine, command: list[str]) -> None:
    ended = cli(*command, env={"VERBATIM_PORT": "http"})
    assert (ended.code, ended.out) == (2, "")
    assert ended.error == "VERBATIM_PORT is 'http': expected an integer"


def test_a_name_with_a_secret_in_its_value_only_shows_the_name(cli: CommandLine) -> None:
    ended = cli("config", env={"VERBATIM_DATABASE_ULR": SECRETS["database_url"]})
    assert ended.code == 2
    assert ended.error == (
        "there is no setting VERBATIM_DATABASE_ULR; did you mean VERBATIM_DATABASE_URL?"
    )
