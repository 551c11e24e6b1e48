"""`verbatim compaction`."""

import rich_click as click
import uvloop

from services import logs
from services.cli.common import plain_errors
from services.cli.helping import Group
from services.cli.relay import targeted
from services.followers.compaction import run_compaction


@click.group(cls=Group)
def compaction() -> None:
    """Compact conversations by themselves when they pass their trigger."""


@compaction.command()
def run() -> None:
    """Listen on NATS and compact what is due, until SIGTERM or Ctrl-C.

    Several may run: each message goes to one of them, each conversation is compacted by one at a time. What fails is
    tried again with growing pauses; what is given up shows in `verbatim dlq list`.

    Example:
      VERBATIM_COMPACTION_AT_ONCE=8 verbatim compaction run

    """
    with plain_errors():
        settings = targeted()
        logs.set_up(settings)
        uvloop.run(run_compaction(settings))
