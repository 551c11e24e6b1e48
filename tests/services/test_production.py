"""In production no process starts with what everybody knows."""

from pathlib import Path

import pytest

from services.production import check_login, check_production
from services.settings import Settings, SettingsError
from tests.servers import Database
from tests.services.cli.support import CommandLine

GOOD = "3f9c1a7be8d2405f9b6c"
DSN = "postgresql://app:{}@db/verbatim"


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    made = CommandLine(tmp_path)
    made.set(environment="production")
    return made


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("postgres", "a default one"),
        ("Verbatim123!", "a default one"),
        ("changeme-changeme", "a default one"),
        ("your-password-here", "a default one"),
        ("123456789012345678", "a default one"),
        ("x7Kp2mQ9", "shorter than 16"),
        ("abcabcabcabcabcabc", "repeats itself"),
        ("aaaabbbbccccddddaaaa", "repeats itself"),
    ],
)
def test_passwords_that_are_none(secret: str, said: str) -> None:
    for settings in (
        {"database_url": DSN.format(secret)},
        {"migrate_database_url": DSN.format(secret)},
        {"nats_url": f"nats://relay:{secret}@mq:4222"},
        {"nats_url": f"nats://relay:{GOOD}@a:4222,nats://relay:{secret}@b:4222"},
        {"upstream_api_key": secret},
        {"summarizer_api_key": secret},
    ):
        with pytest.raises(SettingsError, match=said) as raised:
            check_production(Settings(environment="production", **settings))
        assert secret not in str(raised.value)
        assert "VERBATIM_" in str(raised.value)
        check_production(Settings(**settings))  # where one develops, all is well


def test_good_ones_and_other_ways_to_log_in() -> None:
    check_production(
        Settings(
            environment="production",
            database_url="host=db dbname=verbatim user=app sslcert=/etc/app.crt",
            migrate_database_url=DSN.format(GOOD),
            nats_url=f"nats://relay:{GOOD}@mq:4222",
            upstream_api_key="sk-" + GOOD,
        )
    )


def test_a_nats_that_asks_for_no_password() -> None:
    with pytest.raises(SettingsError, match="VERBATIM_NATS_URL is missing"):
        check_production(Settings(environment="production", nats_url="nats://mq:4222"))


@pytest.mark.parametrize("command", ["command", "query", "gateway", "projections run", "migrate"])
def test_a_process_says_so_in_one_line_and_does_not_start(cli: CommandLine, command: str) -> None:
    cli.set(database_url=DSN.format("postgres"))
    ended = cli(*command.split())
    assert ended.code == 2
    assert ended.error.startswith("the password in VERBATIM_DATABASE_URL is a default one")


@pytest.mark.parametrize("command", ["relay run", "compaction run"])
def test_those_that_use_nats_too(cli: CommandLine, command: str) -> None:
    cli.set(database_url=DSN.format(GOOD), nats_url="nats://verbatim:verbatim@mq:4222")
    ended = cli(*command.split())
    assert ended.code == 2
    assert ended.error.startswith("the password in VERBATIM_NATS_URL is a default one")


def test_no_embedded_servers(cli: CommandLine) -> None:
    ended = cli("dev")
    assert (ended.code, "`verbatim dev` is not for production" in ended.error) == (2, True)
    # What a `verbatim dev` left in this folder is not taken either.
    (cli.folder / ".verbatim").mkdir()
    dev = '{"base_url":"","api_key":"","docs_url":"","nats_url":"nats://a:b@c","database_url":"x","pids":{}}'
    (cli.folder / ".verbatim/dev.json").write_text(dev)
    assert "which database?" in cli("query").error
    cli.set(database_url=DSN.format(GOOD))
    assert "which NATS?" in cli("relay", "run").error


def test_no_login_that_may_change_events(database: Database) -> None:
    check_login(database.service)
    for login in (database.owner, database.superuser):
        with pytest.raises(SettingsError, match="of the tables' owner or of a superuser"):
            check_login(login)


def test_the_owner_is_refused_at_the_start_of_a_process(
    cli: CommandLine, database: Database
) -> None:
    cli.set(database_url=database.owner)
    for command in ("query", "projections run core"):
        ended = cli(*command.split())
        assert (ended.code, "one of its own" in ended.error) == (2, True)
