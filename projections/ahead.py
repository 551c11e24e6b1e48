"""Works on two things at a time: what is made next, and what is done with what was made."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Made = TypeVar("Made")


@contextmanager
def one_ahead(making: Iterator[Made]) -> Generator[Iterator[Made]]:
    """The same things; each is made in a thread while the one before it is in use. What making it raises comes in its turn.

    Of use where the user waits for others, as for a database: Python itself goes on in one thread at a time. At the
    end of the block nothing is being made.
    """
    with ThreadPoolExecutor(1, "ahead") as thread:
        yield _in_turn(making, thread)


def _in_turn(making: Iterator[Made], thread: ThreadPoolExecutor) -> Iterator[Made]:
    coming = thread.submit(next, making, None)
    while (made := coming.result()) is not None:
        coming = thread.submit(next, making, None)
        yield made
