"""Turns at a name: one holder at a time in this process, the others behind it in the order they came."""

import asyncio
from collections import deque
from types import TracebackType


class Turns:
    """What nobody waits for costs an entry in a table: a lock of asyncio a name, kept by weak references, costs ten times that.

    A turn is handed over to the next who waits: nobody slips in between.
    """

    def __init__(self) -> None:
        self._held: dict[str, deque[asyncio.Future[None]] | None] = {}
        """Those that are held, and who waits for each."""

    def __len__(self) -> int:
        return len(self._held)

    def take_at_once(self, name: str) -> bool:
        """Whether it was free; it is the caller's now."""
        if name in self._held:
            return False
        self._held[name] = None
        return True

    def is_free(self, name: str) -> bool:
        return name not in self._held

    async def take(self, name: str) -> None:
        if self.take_at_once(name):
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._held[name]
        if waiting is None:
            self._held[name] = waiting = deque([mine])
        else:
            waiting.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self.give(name)  # it was ours already
            else:
                waiting.remove(mine)
            raise

    def give(self, name: str) -> None:
        """To the next who waits, or free it."""
        waiting = self._held[name]
        while waiting:
            following = waiting.popleft()
            if not following.done():
                following.set_result(None)
                return
        del self._held[name]

    def turn(self, name: str) -> "Turn":
        """To hold it in an `async with`."""
        return Turn(self, name)


class Turn:
    __slots__ = ("_name", "_turns")

    def __init__(self, turns: Turns, name: str) -> None:
        self._turns = turns
        self._name = name

    async def __aenter__(self) -> None:
        await self._turns.take(self._name)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._turns.give(self._name)
