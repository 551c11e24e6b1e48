"""`verbatim health`: whether the process of these settings serves, for a container's health check."""

import urllib.error
import urllib.request
from http import HTTPStatus

import rich_click as click

from services.cli.common import settings as load_settings
from services.cli.helping import Command

SECONDS = 4


@click.command(cls=Command)
def health() -> None:
    """Ask the process on this machine that runs with these settings whether it serves.

    Exit code 0 where it does. Followers (projections, relay, compaction) are asked at VERBATIM_METRICS_PORT, services
    at VERBATIM_PORT.

    Example:
      VERBATIM_PORT=8081 verbatim health

    """
    settings = load_settings()
    port = settings.metrics_port or settings.port
    url = f"http://127.0.0.1:{port}/health/ready"
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            ready = answer.status == HTTPStatus.OK
    except urllib.error.HTTPError as error:
        raise click.ClickException(
            f"{url} answers {error.code}: {error.read(2_000).decode()}"
        ) from None
    except OSError as error:
        raise click.ClickException(f"nothing answers at {url}: {error}") from None
    click.echo(f"{url} answers" if ready else f"{url} answers something else")
