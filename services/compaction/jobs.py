"""Conversations that are due, a job each: what comes for one meanwhile joins its job.

A message is acknowledged when its conversation was looked at, given back for later when that failed, and becomes a
dead letter after the last try. Until then the server is told that it is in work.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
import nats.errors
from nats.aio.msg import Msg

from projections.relay.together import end
from services.compaction.dead_letters import DeadLetter, DeadLetters

log = logging.getLogger(__name__)

MOST_HELD = 256
"""Messages in work at which no more are asked for."""
WORKING_SECONDS = 8.0
"""How often the server hears of them; well below the consumer's patience."""
GROWTH, LONGEST_PAUSE = 4.0, 600.0


class Patience(msgspec.Struct, frozen=True):
    """How often something is tried, and seconds before the second try; each later pause is four times as long."""

    attempts: int
    first_pause: float

    def pause(self, attempt: int) -> float:
        return min(self.first_pause * GROWTH ** (attempt - 1), LONGEST_PAUSE)


class Counts:
    """Since the start, for monitoring."""

    def __init__(self) -> None:
        self.subscriptions = 0
        self.waiting: dict[str, int] = {}
        """By consumer: messages that wait to be handed out, as the last one that was told."""
        self.lag_seconds = 0.0
        """How old the last message was when it came."""
        self.outcomes = {"done": 0, "failed": 0, "given_up": 0}


class Due(msgspec.Struct, frozen=True):
    """A message that says that a conversation may be due."""

    message: Msg
    stream: str
    position: int
    event_id: str
    since: int = 0
    """The version at which the policy became another: what compactions before it came to says nothing. 0 for a message."""

    @property
    def attempt(self) -> int:
        """1 for the first time that it is delivered."""
        return self.message.metadata.num_delivered


class Jobs:
    """Of one connection. `work` is told the stream, the event's id, and since when it has another policy."""

    def __init__(
        self,
        work: Callable[[str, str, int], Awaitable[object]],
        letters: DeadLetters,
        *,
        at_once: int,
        patience: Patience,
        counts: Counts,
    ) -> None:
        self._work = work
        self._outcomes = counts.outcomes
        self._letters = letters
        self._patience = patience
        self._slots = asyncio.Semaphore(at_once)
        self._held: dict[str, list[Due]] = {}
        self._put_off: dict[str, tuple[Due, float]] = {}
        """What comes back, and when, at the earliest: nobody need try its conversation before."""
        self._clock = asyncio.get_running_loop().time
        self._tasks: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()
        self._fault: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def room(self) -> int:
        """How many more messages may be taken; waits until it is one at least."""
        while (free := MOST_HELD - sum(map(len, self._held.values()))) <= 0:
            self._freed.clear()
            await self._freed.wait()
        return free

    async def fault(self) -> None:
        """Raises what a job could not deal with, such as a lost connection."""
        await self._fault

    async def take(self, due: Due) -> None:
        if self._comes_back(due):
            # Another one of the conversation does, and will look at it as it stands then. A newer policy does not wait.
            await due.message.ack()
        elif due.stream in self._held:
            self._held[due.stream].append(due)
        else:
            self._held[due.stream] = [due]
            task = asyncio.create_task(self._run(due.stream))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _comes_back(self, due: Due) -> bool:
        if due.stream not in self._put_off:
            return False
        other, until = self._put_off[due.stream]
        if self._clock() >= until:
            del self._put_off[due.stream]
            return False
        return other.position != due.position and other.since >= due.since

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._freed.set()
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._fault.done():
            self._fault.set_exception(error)

    async def close(self) -> None:
        """Whatever runs is broken off, its messages given back at once: nothing of it was appended, or all."""
        await end(list(self._tasks))

    async def _run(self, stream: str) -> None:
        held = self._held[stream]
        telling = asyncio.create_task(self._tell(held))
        failure: Exception | None = None
        try:
            async with self._slots:
                await self._look(stream, held)
        except asyncio.CancelledError:
            with suppress(
                nats.errors.Error
            ):  # a lost connection: the server gives them back by itself
                for due in held:
                    await due.message.nak()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, others go on, and this one is tried again
            failure = error
        finally:
            telling.cancel()
            del self._held[
                stream
            ]  # with no pause since the last look: what comes now is a job of its own
        if failure is not None:
            await self._failed(stream, held, failure)
        else:
            self._outcomes["done"] += 1
            for due in held:
                await due.message.ack()

    async def _look(self, stream: str, held: list[Due]) -> None:
        """Once more where messages came meanwhile."""
        looked = 0
        while looked < len(held):
            looked = len(held)
            newest = held[-1]
            if newest.attempt > self._patience.attempts:
                raise RuntimeError("a worker ended each time that it was at it")
            await self._work(stream, newest.event_id, max(due.since for due in held))

    async def _tell(self, held: list[Due]) -> None:
        with suppress(nats.errors.Error):
            while True:
                await asyncio.sleep(WORKING_SECONDS)
                for due in held:
                    await due.message.in_progress()

    async def _failed(self, stream: str, held: list[Due], error: Exception) -> None:
        """The newest message stands for all, where the policy changed the newest that says so: it comes back, or is given up."""
        newest = max(held, key=lambda due: (due.since, due.position))
        told = " ".join(str(error).split()) or type(error).__name__
        if newest.attempt >= self._patience.attempts:
            self._outcomes["given_up"] += 1
            log.error("%s is given up after %d attempts: %s", stream, newest.attempt, told)
            await self._letters.put(
                DeadLetter(
                    stream=stream,
                    position=newest.position,
                    event_id=newest.event_id,
                    attempts=newest.attempt,
                    reason=told,
                    at=datetime.now(UTC),
                    since=newest.since,
                )
            )
            await newest.message.ack()
        else:
            pause = self._patience.pause(newest.attempt)
            self._outcomes["failed"] += 1
            log.warning("%s is tried again in %g s: %s", stream, pause, told)
            self._put_off[stream] = (newest, self._clock() + pause)
            await newest.message.nak(delay=pause)
        for due in held:
            if due is not newest:
                await due.message.ack()
