"""Lines of an input with their numbers, for several tasks at once."""

import asyncio
import io
import os
import stat
from typing import BinaryIO

LONGEST_LINE = 1 << 30
"""Bytes; of a pipe. Far beyond what a conversation may be."""


class NumberedLines:
    """Each line goes to one of those who ask."""

    def __init__(self, file: BinaryIO, stream: asyncio.StreamReader | None) -> None:
        self._file = file
        self._stream = stream
        self._number = 0
        self._reading = asyncio.Lock()

    async def next(self) -> tuple[int, bytes] | None:
        """The line and its number from 1 on; None at the end."""
        async with self._reading:
            line = await self._stream.readline() if self._stream else self._file.readline()
            self._number += 1
            return (self._number, line) if line else None


async def numbered_lines(file: BinaryIO) -> NumberedLines:
    """A pipe may let us wait: what was read before is sent meanwhile. A file never does."""
    try:
        mode = os.fstat(file.fileno()).st_mode
    except (OSError, io.UnsupportedOperation):
        return NumberedLines(file, None)
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return NumberedLines(file, None)
    stream = asyncio.StreamReader(limit=LONGEST_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), file)
    return NumberedLines(file, stream)
