"""A process that was told to end, ends."""

import logging
import os
import threading

log = logging.getLogger(__name__)

END_SECONDS = 8.0
"""More than any orderly end takes: open requests have five seconds, what is cut two, a flush well below one."""


def end_within(seconds: float = END_SECONDS) -> None:
    """Hard, where an orderly end waits for a server that does not answer. What was acknowledged is on disk."""
    timer = threading.Timer(seconds, _end, [seconds])
    timer.daemon = True
    timer.start()


def _end(seconds: float) -> None:
    log.error("not ended after %g seconds: some server does not answer; ending hard", seconds)
    os._exit(1)
