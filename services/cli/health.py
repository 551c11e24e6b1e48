"""`verbatim health`: whether the process of these settings serves, for a container's health check."""

import urllib.error
import urllib.request
from http import HTTPStatus
from http.client import HTTPException

import rich_click as click

from services.cli.common import settings as load_settings
from services.cli.helping import Command
from services.settings import Settings

SECONDS = 4
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - who listens everywhere is asked here


@click.command(cls=Command)
def health() -> None:
    """Ask the process on this machine that runs with these settings whether it serves.

    Exit code 0 where it does. Services are asked at VERBATIM_PORT, followers (projections, relay, compaction) at
    VERBATIM_METRICS_PORT, where they answer as long as they run.

    Example:
      VERBATIM_PORT=8081 verbatim health

    """
    url = ready_url(load_settings())
    try:
        with _DIRECT.open(url, timeout=SECONDS) as answer:
            ready = answer.status == HTTPStatus.OK
    except urllib.error.HTTPError as error:
        raise click.ClickException(
            f"{url} answers {error.code}: {error.read(2_000).decode()}"
        ) from None
    except OSError as error:
        why = getattr(error, "reason", error)
        raise click.ClickException(f"nothing answers at {url}: {why}") from None
    click.echo(f"{url} answers" if ready else f"{url} answers something else")


def serves(url: str, seconds: float) -> bool:
    """Whether it answers, and 200. Cheap enough to be asked again and again: no certificates are read for it."""
    try:
        with _DIRECT.open(url, timeout=seconds) as answer:
            return answer.status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False


def ready_url(settings: Settings) -> str:
    """Where the process of these settings listens."""
    host = _HERE.get(settings.host, settings.host)
    port = settings.metrics_port or settings.port
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/health/ready"
