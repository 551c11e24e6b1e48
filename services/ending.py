"""A process that was told to end, ends."""

import asyncio
import logging
import os
import signal
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


def stop_on_signals() -> asyncio.Event:
    """Set by SIGTERM or SIGINT, after which the process ends in any case. In the main thread only."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if not stop.is_set():
            end_within()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    return stop
