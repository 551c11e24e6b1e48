"""Ctrl-C before a command has begun: the process is gone, quietly.

Until then there is nothing but imports, for up to half a second; KeyboardInterrupt in the middle of one of them would
be told with a trace, or swallowed by whatever is being imported. So this is the first thing that is imported here, and
imports next to nothing; what comes before it is the interpreter's own start.
"""

import os
import signal

INTERRUPTED = 130


def quietly() -> None:
    """Unless whoever started us ignores SIGINT, as for a process in the background, or sees to it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def as_usual() -> None:
    """From here on SIGINT is KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(*_: object) -> None:
    os._exit(INTERRUPTED)
