"""What commands share: settings, one-line errors."""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import rich_click as click

from deploy.embedded.errors import EmbeddedServerError
from deploy.processes import ChildFailed
from deploy.vocabularies import VocabularyError
from eventstore.errors import EventStoreError
from projections.relay.errors import RelayError
from services.listening import PortTaken
from services.production import check_production
from services.settings import Settings, SettingsError
from services.settings_loading import Loaded, load_with_sources


class CannotStart(click.ClickException):
    """One line, exit code 2."""

    exit_code = 2


def settings() -> Settings:
    """Of this process. Raises CannotStart."""
    found = loaded_settings().settings
    try:
        check_production(found)
    except SettingsError as error:
        raise CannotStart(str(error)) from None
    return found


def loaded_settings() -> Loaded:
    """And where each comes from. Raises CannotStart."""
    try:
        return load_with_sources(os.environ, Path.cwd())
    except SettingsError as error:
        raise CannotStart(str(error)) from None


@contextmanager
def plain_errors() -> Generator[None]:
    """Whatever can be expected to go wrong becomes one line."""
    try:
        yield
    except (
        ChildFailed,
        EmbeddedServerError,
        EventStoreError,
        PortTaken,
        RelayError,
        SettingsError,
        VocabularyError,
    ) as error:
        raise CannotStart(str(error)) from None
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).split())
        raise CannotStart(f"the database cannot be reached: {reason}") from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise CannotStart(
            f"the database refuses this login: {error.diag.message_primary};"
            " GRANT verbatim_service to it, or use another"
        ) from None


def tell(line: str) -> None:
    """On standard error, from a supervisor."""
    with suppress(OSError):  # the terminal may be gone; stopping goes on
        click.echo(line, err=True)
