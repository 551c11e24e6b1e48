"""What commands share: settings, one-line errors."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import rich_click as click

from deploy.embedded.errors import EmbeddedServerError
from deploy.processes import ChildFailed
from deploy.vocabularies import VocabularyError
from eventstore.errors import EventStoreError
from services.http.server import PortTaken
from services.settings import Settings, SettingsError, load


class CannotStart(click.ClickException):
    """One line, exit code 2."""

    exit_code = 2


def settings() -> Settings:
    """Of this process. Raises CannotStart."""
    try:
        return load(os.environ, Path.cwd())
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
