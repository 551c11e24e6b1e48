"""`verbatim keys`."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
import rich_click as click

from domain.ids import WORKSPACE
from eventstore.connect import Connection, connect
from eventstore.migrate import check_schema
from services.cli.common import plain_errors
from services.cli.common import settings as load_settings
from services.cli.helping import Group
from services.cli.tables import show_table
from services.cli.target import database_target
from services.http import keys as store

_DURATION = re.compile(r"([0-9]{1,5})([hd])")


@click.group(cls=Group)
def keys() -> None:
    """Create, list and revoke API keys; show what happened to them."""


@keys.command()
@click.option("--workspace", required=True, help="1 to 32 of a-z, 0-9 and -.")
@click.option("--scopes", default="read,write", show_default=True, help="Of read, write, export.")
@click.option("--name", required=True, help="What the key is for.")
@click.option("--expires", help="A time (2027-01-01T00:00:00Z) or a span (12h, 90d).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for machines.")
def create(workspace: str, scopes: str, name: str, expires: str | None, as_json: bool) -> None:
    """Create a key. It is shown once and stored as a hash.

    Example:
      verbatim keys create --workspace acme --scopes read,write --name gateway --expires 90d

    """
    if WORKSPACE.fullmatch(workspace) is None:
        raise click.UsageError("--workspace takes 1 to 32 of a-z, 0-9 and -")
    if not name.strip() or len(name) > 255 or not name.isprintable():
        raise click.UsageError("--name takes 1 to 255 printable characters")
    chosen = _scopes(scopes)
    until = _expiry(expires)
    with plain_errors(), _database() as connection:
        key, record = store.create(
            connection, workspace=workspace, name=name, scopes=chosen, expires_at=until
        )
    if as_json:
        shown = msgspec.to_builtins(record) | {"key": key}
        click.echo(msgspec.json.encode(shown))
    else:
        click.echo(key)
        click.echo(f"{record.id}: keep the key above; it is not shown again", err=True)


@keys.command("list")
@click.option("--workspace", help="Only this workspace's.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for machines.")
def list_keys(workspace: str | None, as_json: bool) -> None:
    """List keys, revoked and expired ones too."""
    with plain_errors(), _database() as connection:
        records = store.listed(connection, workspace)
    if as_json:
        click.echo(msgspec.json.encode(records))
        return
    show_table(
        ("id", "workspace", "name", "prefix", "scopes", "created", "state"),
        (
            (
                *(record.id, record.workspace, record.name, record.prefix),
                *(",".join(record.scopes), f"{record.created_at:%Y-%m-%d %H:%M}", _state(record)),
            )
            for record in records
        ),
    )


@keys.command()
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """Revoke a key, by the id that `verbatim keys list` shows. Every process refuses it within a second."""
    with plain_errors(), _database() as connection:
        found = store.revoke(connection, key_id)
    if not found:
        raise click.ClickException(f"there is no key {key_id}; see `verbatim keys list`")
    click.echo(f"{key_id} is revoked")


@keys.command()
@click.option("--workspace", help="Only this workspace's keys.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for machines.")
def audit(workspace: str | None, as_json: bool) -> None:
    """Show what happened to keys: created, revoked, expired; when, and by which database login."""
    with plain_errors(), _database() as connection:
        store.record_expired(connection)
        found = store.audit(connection, workspace)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    show_table(
        ("time", "key", "workspace", "what", "login"),
        (
            (f"{one.at:%Y-%m-%d %H:%M:%S}", one.key_id, one.workspace, one.action, one.login)
            for one in found
        ),
    )


@contextmanager
def _database() -> Generator[Connection]:
    with connect(database_target(load_settings()), name="keys") as connection:
        check_schema(connection)
        yield connection


def _state(record: store.KeyRecord) -> str:
    if record.revoked_at is not None:
        return "revoked"
    if record.expires_at is None:
        return "valid"
    if record.expires_at <= datetime.now(UTC):
        return "expired"
    return f"valid until {record.expires_at:%Y-%m-%d %H:%M}"


def _scopes(text: str) -> list[store.Scope]:
    chosen: list[Any] = [scope.strip() for scope in text.split(",") if scope.strip()]
    if not chosen or not set(chosen) <= set(store.SCOPES):
        raise click.UsageError(f"--scopes takes some of {','.join(store.SCOPES)}")
    return cast("list[store.Scope]", list(dict.fromkeys(chosen)))


def _expiry(text: str | None) -> datetime | None:
    if text is None:
        return None
    span = _DURATION.fullmatch(text)
    now = datetime.now(UTC)
    try:
        if span is not None:
            moment = now + timedelta(hours=int(span[1]) * (24 if span[2] == "d" else 1))
        else:
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise click.UsageError(
            "--expires takes a time (2027-01-01T00:00:00Z) or 12h, 90d"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment <= now:
        raise click.UsageError("--expires is in the past")
    return moment
