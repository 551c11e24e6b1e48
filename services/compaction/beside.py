"""Long conversations are read and put together in a thread, beside the event loop; short ones at once.

To hand work to a thread costs about as much as to read a hundred messages; five hundred are read and put together in
about three milliseconds.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import ParamSpec, TypeVar

from domain.compaction.entries import Entry
from domain.events import MessageAppended
from eventstore.appends import StoredRow

MadeT = TypeVar("MadeT")
OneT = TypeVar("OneT")
Given = ParamSpec("Given")

MESSAGES = 500
"""Messages that are seen to on the event loop."""
BYTES = 1 << 20
"""What these may take together."""


async def beside(
    is_long: bool, work: Callable[Given, MadeT], *args: Given.args, **more: Given.kwargs
) -> MadeT:
    """What `work` gives, or raises."""
    if is_long:
        return await asyncio.to_thread(work, *args, **more)
    return work(*args, **more)


def are_long(messages: Collection[bytes]) -> bool:
    return _are_long(messages, len)


def are_long_rows(rows: Collection[StoredRow]) -> bool:
    return _are_long(rows, lambda row: len(row.state))


def are_long_messages(messages: Collection[Entry | MessageAppended]) -> bool:
    return _are_long(messages, lambda message: len(message.content))


def _are_long(messages: Collection[OneT], size: Callable[[OneT], int]) -> bool:
    return len(messages) > MESSAGES or sum(map(size, messages)) > BYTES
