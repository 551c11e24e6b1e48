"""Settings: where they come from, what is refused, what is shown."""

from pathlib import Path

import pytest

from domain.policy import CompactionPolicy
from services.settings import FILE, Settings, SettingsError
from services.settings_loading import load, load_with_sources
from services.settings_shown import describe

SECRETS = ("database_url", "migrate_database_url", "nats_url", "api_key")


def write(folder: Path, text: str, name: str = FILE) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def refusal(environ: dict[str, str], folder: Path) -> str:
    with pytest.raises(SettingsError) as refused:
        load(environ, folder)
    return str(refused.value)


def test_nothing_given_is_all_defaults(tmp_path: Path) -> None:
    assert load({"PATH": "/bin", "HOME": "/"}, tmp_path) == Settings()


def test_the_environment_alone(tmp_path: Path) -> None:
    loaded = load_with_sources(
        {"VERBATIM_PORT": "9000", "VERBATIM_READ_WAIT_SECONDS": "0.5", "VERBATIM_HOST": "::1"},
        tmp_path,
    )
    assert loaded.settings == Settings(port=9000, read_wait_seconds=0.5, host="::1")
    assert loaded.sources == dict.fromkeys(("port", "read_wait_seconds", "host"), "environment")


def test_the_file_alone_in_this_folder_or_named(tmp_path: Path) -> None:
    text = 'port = 9001\nlog_level = "debug"\ncompaction_target_tokens = 5\n'
    path = write(tmp_path, text)
    loaded = load_with_sources({}, tmp_path)
    assert loaded.settings == Settings(port=9001, log_level="debug", compaction_target_tokens=5)
    assert loaded.sources == dict.fromkeys(
        ("port", "log_level", "compaction_target_tokens"), str(path)
    )
    assert loaded.settings.policy() == CompactionPolicy("hybrid", 16_000, 20, 5)
    other = write(tmp_path, "port = 9002", "other.toml")
    for named in (str(other), "other.toml"):
        assert load({"VERBATIM_CONFIG": named}, tmp_path) == Settings(port=9002, config=named)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "port = 9001\nmax_batch = 7\n")
    loaded = load_with_sources({"VERBATIM_PORT": "9000"}, tmp_path)
    assert loaded.settings == Settings(port=9000, max_batch=7)
    assert loaded.sources == {"port": "environment", "max_batch": str(path)}


def test_an_empty_text_is_the_default_where_that_is_empty(tmp_path: Path) -> None:
    assert load({"VERBATIM_DATABASE_URL": "", "VERBATIM_API_KEY": ""}, tmp_path) == Settings()
    assert refusal({"VERBATIM_PORT": ""}, tmp_path) == "VERBATIM_PORT is '': expected an integer"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PORT", "abc", "is 'abc': expected an integer"),
        ("PORT", "70000", "is '70000': expected an integer of at most 65535"),
        ("PORT", "-1", "is '-1': expected an integer of at least 0"),
        ("MAX_BATCH", "0", "is '0': expected an integer of at least 1"),
        ("READ_WAIT_SECONDS", "nan", "is 'nan': expected a number of more than 0.0"),
        ("READ_WAIT_SECONDS", "inf", "is 'inf': expected a number of at most 60.0"),
        ("LOG_LEVEL", "loud", "is 'loud': expected debug, info, warning, error"),
        ("TOKENIZER", "gpt2", "is 'gpt2': expected o200k_base, cl100k_base"),
        ("COMPACTION_TARGET_TOKENS", "few", "is 'few': expected an integer"),
        ("BASE_URL", "http://h:1", "is 'http://h:1': expected http://host:port/v1"),
        *(
            (
                *("CORS_ORIGINS", origins),
                f"is '{origins}': expected `*`, or origins (https://shop.example), separated by spaces",
            )
            for origins in ("shop.example", "https://a.example,https://b.example", "https://a/")
        ),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(
    tmp_path: Path, name: str, value: str, told: str
) -> None:
    assert refusal({f"VERBATIM_{name}": value}, tmp_path) == f"VERBATIM_{name} {told}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("port = 0.5", "`port` in {path} is 0.5: expected an integer"),
        ("port = true", "`port` in {path} is True: expected an integer"),
        ("host = 5", "`host` in {path} is 5: expected a string"),
        ('log_level = "loud"', "`log_level` in {path} is 'loud': expected debug, info"),
        ("nats_url = 5", "`nats_url` in {path} is (hidden): expected a string"),
        ("port = ", "{path} is not valid TOML: "),
        (
            "prt = 1",
            (
                "there is no setting `prt` in the settings file;"
                " did you mean `port` in the settings file?"
            ),
        ),
        (
            "[server]\nport = 1",
            "there is no setting `server` in the settings file; `verbatim config --markdown`",
        ),
    ],
)
def test_a_wrong_file_is_named_with_what_was_expected(tmp_path: Path, text: str, told: str) -> None:
    path = write(tmp_path, text)
    assert refusal({}, tmp_path).startswith(told.format(path=path))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    told = refusal({"VERBATIM_CONFIG": "no.toml"}, tmp_path)
    assert told == f"VERBATIM_CONFIG: {tmp_path}/no.toml cannot be read: No such file or directory"
    (tmp_path / FILE).write_bytes(b'host = "\xff"')
    assert "is not valid TOML" in refusal({}, tmp_path)


def test_a_name_that_does_not_exist_is_refused_with_the_nearest(tmp_path: Path) -> None:
    assert (
        refusal({"VERBATIM_PRT": "1"}, tmp_path)
        == "there is no setting VERBATIM_PRT; did you mean VERBATIM_PORT?"
    )
    told = refusal({"VERBATIM_ZZZ": "1"}, tmp_path)
    assert told == "there is no setting VERBATIM_ZZZ; `verbatim config --markdown` lists all"


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_of_a_wrong_form_is_refused_and_not_shown(tmp_path: Path, name: str) -> None:
    told = refusal({f"VERBATIM_{name.upper()}": "open sesame"}, tmp_path)
    assert told.startswith(f"VERBATIM_{name.upper()} is (hidden): expected ")
    assert "sesame" not in told


def test_a_model_as_summarizer_needs_its_address(tmp_path: Path) -> None:
    """At every start, and for `config` and `doctor`: not by the processes that summarise, a while later."""
    told = refusal({"VERBATIM_SUMMARIZER": "openai"}, tmp_path)
    assert told == "VERBATIM_SUMMARIZER is openai: set VERBATIM_SUMMARIZER_BASE_URL to its address"


@pytest.mark.parametrize(
    "origins", ["", "*", "https://a.example http://localhost:3000", "http://[::1]:80", "null"]
)
def test_origins_as_browsers_send_them_are_taken(tmp_path: Path, origins: str) -> None:
    assert load({"VERBATIM_CORS_ORIGINS": origins}, tmp_path).cors_origins == origins


@pytest.mark.parametrize(
    "dsn", ["host=db dbname=verbatim", "postgres://db/verbatim?sslmode=require"]
)
def test_every_way_to_write_a_database_is_taken(tmp_path: Path, dsn: str) -> None:
    assert load({"VERBATIM_DATABASE_URL": dsn}, tmp_path).database_url == dsn


def test_several_nats_servers_are_taken(tmp_path: Path) -> None:
    urls = "nats://a:4222,tls://b:4222"
    assert load({"VERBATIM_NATS_URL": urls}, tmp_path).nats_url == urls


def test_every_setting_is_described() -> None:
    for item in describe(load_with_sources({}, Path("/"))):
        assert item.description, item.variable
        assert item.source == "default"
