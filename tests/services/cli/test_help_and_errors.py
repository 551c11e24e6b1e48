"""Help pages, and errors of one plain line."""

import subprocess
import sys

import psycopg
import pytest

from services.cli.main import COMMANDS, HIDDEN
from tests.servers import Database
from tests.services.cli.support import CommandLine, clean_environ

PAGES = [
    *([name] for name in COMMANDS),
    *(["keys", name] for name in ("create", "list", "revoke")),
    ["projections", "run"],
]


def test_the_first_page_lists_every_command_and_keeps_its_block(cli: CommandLine) -> None:
    page = cli("--help")
    assert (page.code, page.err) == (0, "")
    for name, (_, help_text) in COMMANDS.items():
        assert any(
            line.split()[1:2] == [name] and help_text in line for line in page.out.splitlines()
        ), name
    for name in HIDDEN:
        assert f"│ {name} " not in page.out
    lines = [line.rstrip() for line in page.out.splitlines()]
    block = lines.index(" First steps:")
    assert lines[block - 1] == ""
    assert lines[block + 1].startswith("   verbatim dev  ")
    assert lines[block + 2].startswith("   verbatim import chats.jsonl  ")
    assert lines[block + 4] == ""
    assert "\\b" not in page.out


@pytest.mark.parametrize("command", PAGES, ids=" ".join)
def test_every_command_has_a_page(cli: CommandLine, command: list[str]) -> None:
    page = cli(*command, "--help")
    assert (page.code, page.err) == (0, "")
    assert f"Usage: verbatim {' '.join(command)} " in page.out
    again = cli(*command, "-h")
    assert (again.code, again.err, again.out) == (0, "", page.out)
    assert max(map(len, page.out.splitlines())) <= 100
    paragraphs = page.out.split("Usage:")[1].split("╭")[0]
    assert len(paragraphs.split()) > 5
    assert "\n\n\n" not in paragraphs.replace(" ", "")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["impot"], "there is no command `impot`; did you mean `import`? See `verbatim --help`"),
        (["zzzzzz"], "there is no command `zzzzzz`; see `verbatim --help`"),
        (
            ["keys", "crate"],
            "there is no command `crate`; did you mean `create`? See `verbatim keys --help`",
        ),
        (
            ["import", "--jsn", "x"],
            "there is no option `--jsn`; did you mean `--json`? See `verbatim import --help`",
        ),
        (["--foo"], "there is no option `--foo`; see `verbatim --help`"),
        (["import"], "Missing argument 'FILE'. See `verbatim import --help`"),
        (
            ["import", "missing.jsonl"],
            (
                "Invalid value for 'FILE': 'missing.jsonl': No such file or directory;"
                " see `verbatim import --help`"
            ),
        ),
        (
            ["import", "-", "--concurrency", "0"],
            (
                "Invalid value for '--concurrency': 0 is not in the range 1<=x<=64."
                " See `verbatim import --help`"
            ),
        ),
        (
            ["keys", "list"],
            "which database? Start one with `verbatim dev`, or set VERBATIM_DATABASE_URL",
        ),
        (
            ["import", "-"],
            (
                "which service? Start one with `verbatim dev`, or set VERBATIM_BASE_URL (with /v1)"
                " and VERBATIM_API_KEY"
            ),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_use_is_one_line_and_exit_code_2(
    cli: CommandLine, arguments: list[str], told: str
) -> None:
    ended = cli(*arguments)
    assert (ended.code, ended.out, ended.error) == (2, "", told)


@pytest.mark.parametrize(
    "command", [["keys", "list"], ["migrate"], ["projections", "run"], ["query"]]
)
def test_a_database_that_is_not_there_is_one_line(cli: CommandLine, command: list[str]) -> None:
    ended = cli(*command, env={"VERBATIM_DATABASE_URL": "postgresql://u:sesame@127.0.0.1:1/d"})
    assert ended.code == 2
    assert ended.error.startswith("the database cannot be reached: ")
    assert "sesame" not in ended.error


def test_a_login_that_may_not_migrate_is_told_which_may(
    cli: CommandLine, database: Database
) -> None:
    ended = cli("migrate", env={"VERBATIM_DATABASE_URL": database.service})
    assert ended.code == 2
    assert "owner" in ended.error
    assert "VERBATIM_MIGRATE_DATABASE_URL" in ended.error
    assert "GRANT" not in ended.error


def test_a_login_that_may_not_take_the_role_is_told_who_may_give_it(
    cli: CommandLine, database: Database
) -> None:
    place = database.superuser.partition("@")[2]
    with psycopg.connect(database.superuser, autocommit=True) as superuser:
        superuser.execute("CREATE ROLE stray_too LOGIN PASSWORD 'x'")
        try:
            superuser.execute("GRANT SELECT ON schema_migrations TO stray_too")
            dsn = f"postgresql://stray_too:x@{place}"
            ended = cli("keys", "list", env={"VERBATIM_DATABASE_URL": dsn})
        finally:
            superuser.execute("DROP OWNED BY stray_too; DROP ROLE stray_too")
    assert ended.code == 2
    assert "a superuser, or whoever made the role" in ended.error
    assert ended.error.endswith('GRANT verbatim_service TO "stray_too"')


def test_an_unexpected_error_is_one_line_unless_asked_for(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("services.cli.config.table", fails)
    ended = cli("config", "--markdown")
    assert ended.code == 1
    assert ended.error.startswith("unexpected RuntimeError: two lines; ")


def test_a_reader_that_leaves_early_sees_no_trace() -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "config", "--markdown"],
        env=clean_environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert program.stdout is not None
    program.stdout.close()
    _, err = program.communicate(timeout=60)
    assert (program.returncode, err) == (1, b"")


def test_the_version_is_told(cli: CommandLine) -> None:
    from services.version import VERSION

    assert cli("--version").out == f"verbatim, version {VERSION}\n"
