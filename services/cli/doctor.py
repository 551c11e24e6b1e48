"""`verbatim doctor`: what is wrong, and how to mend it."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import rich_click as click

from services.cli import checks, checks_servers
from services.cli.checks import Finding
from services.cli.endings import NOT_DONE
from services.cli.helping import Command
from services.settings import SettingsError
from services.settings_loading import load_with_sources

COLOURS = {"ok": "green", "warn": "yellow", "bad": "red"}


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for machines.")
def doctor(as_json: bool) -> None:
    """Check settings, installation, data folder, PostgreSQL, NATS and the service.

    One line a check: ok, warn, or bad with what to do. Nothing is changed, and nothing need be running.
    Exit codes: 0 nothing is bad, 1 something is.

    Example:
      VERBATIM_DATABASE_URL=postgresql://verbatim@db/verbatim verbatim doctor

    """
    findings: list[Finding] = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            click.echo(_line(finding))
    bad = sum(finding.status == "bad" for finding in findings)
    if as_json:
        click.echo(msgspec.json.encode({"ok": not bad, "checks": findings}))
    else:
        click.echo(f"\n{_sum(bad, sum(finding.status == 'warn' for finding in findings))}")
    raise SystemExit(NOT_DONE if bad else 0)


def examine() -> Iterator[Finding]:
    """Each finding as soon as it is known."""
    loaded = None
    try:
        loaded = load_with_sources(os.environ, Path.cwd())
        yield checks.check_settings(loaded)
    except SettingsError as error:
        yield Finding(
            *("bad", "settings", f"{error}; not checked: data folder and servers"),
            "correct it; `verbatim config --markdown` lists all settings",
        )
    yield checks.check_python()
    yield checks.check_packages()
    yield from checks.check_vocabularies()
    if loaded is None:
        return
    yield from checks.check_binaries(loaded.settings)
    yield from checks.check_data_folder(loaded.settings)
    yield from checks_servers.check_database(loaded.settings)
    yield from checks_servers.check_nats(loaded.settings)
    yield checks_servers.check_service(loaded.settings)


def _sum(bad: int, warnings: int) -> str:
    if bad:
        return f"{bad} to mend"
    return f"nothing is bad, {warnings} to look at" if warnings else "all is well"


def _line(finding: Finding) -> str:
    status = click.style(f"{finding.status:4}", fg=COLOURS[finding.status], bold=True)
    mend = f" → {finding.mend}" if finding.mend else ""
    return f"{status}  {finding.check:11}  {finding.text}{mend}"
