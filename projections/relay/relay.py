"""Keeps the stream filled from the log: one relay at a time, tried again whatever breaks."""

import asyncio
import logging
from contextlib import suppress

import msgspec
import psycopg

from projections.relay import stream as streams
from projections.relay.errors import ForeignStream, RelayError
from projections.relay.jetstream import Nats, connected
from projections.relay.log import Log, opened
from projections.relay.outgoing import Outbox
from projections.relay.pump import Pump
from projections.relay.stream import STREAM, Bounds
from projections.relay.together import until_one_ends

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
STANDBY_SECONDS = 0.5
NOTE_SECONDS = 1.0


class Wiring(msgspec.Struct, frozen=True):
    """What a relay needs. `content`: with what people wrote and named."""

    database_url: str
    nats_url: str
    bounds: Bounds
    content: bool = False


class Relay:
    """Correct with others at work beside it: the server stores each position once. Alone, it is also quick."""

    def __init__(self, wiring: Wiring, *, leading: bool = True) -> None:
        self._wiring = wiring
        self._leading = leading
        self._pump: Pump | None = None
        self.failures = 0
        """How often it had to begin again."""
        self._doubtful = 0
        """Where an event was refused: another relay had brought it, or something stands there that is not ours."""

    @property
    def position(self) -> int:
        """The last one that is known to be in the stream; 0 before the first look at it."""
        return self._pump.position if self._pump else 0

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. Survives a lost database and a lost NATS: tries again with growing pauses."""
        pause = FIRST_PAUSE
        while not stop.is_set():
            before = self.position
            try:
                await until_one_ends(self._work(), stop.wait())
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                log.warning("the relay waits for the database: %s", str(error).strip())
            except RelayError as error:
                level = logging.ERROR if isinstance(error, ForeignStream) else logging.WARNING
                log.log(level, "the relay waits: %s", error)
            if stop.is_set():
                return
            self.failures += 1
            pause = FIRST_PAUSE if self.position > before else min(pause * 2, LONGEST_PAUSE)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    async def _work(self) -> None:
        """Until something breaks."""
        async with opened(self._wiring.database_url) as the_log:
            if self._leading:
                await self._lead(the_log)
            async with connected(self._wiring.nats_url, "relay") as nats:
                outbox = Outbox(content=self._wiring.content, largest=nats.client.max_payload)
                await self._pump_on(nats, the_log, outbox)

    async def _lead(self, the_log: Log) -> None:
        told = False
        while not await the_log.lead():
            if not told:
                log.info("another relay is at work; standing by")
                told = True
            await asyncio.sleep(STANDBY_SECONDS)

    async def _pump_on(self, nats: Nats, the_log: Log, outbox: Outbox) -> None:
        """From where the stream ends; again from there whenever somebody else has moved it."""
        pause = 0.0
        while True:
            last = await self._found(nats, the_log, outbox)
            log.info("the relay goes on after position %d", last)
            self._pump = pump = Pump(nats, the_log, outbox, last)
            # Of one that does not lead the last note could be an old one: it ends, and the leader notes nothing new.
            noting = [self._note(the_log, pump)] if self._leading else []
            await until_one_ends(pump.run(), *noting)
            self._doubtful = pump.position + 1
            # Where nothing of ours got in, give way: it may be another relay, or an id that must be forgotten first.
            pause = 0.0 if pump.position > last else min(pause + FIRST_PAUSE, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _found(self, nats: Nats, the_log: Log, outbox: Outbox) -> int:
        """The last position of the stream, which is made where it is missing. Raises ForeignStream.

        Whatever stands at the end, or where an event was refused, must be the log's own.
        """
        state = await streams.found(nats.js, self._wiring.bounds)
        if state is None:
            first = await the_log.first_position(outbox, self._wiring.bounds)
            return (await streams.create(nats.js, self._wiring.bounds, first)).last
        head = await the_log.head()
        if state.last > head:
            raise ForeignStream(
                f"{STREAM} ends at position {state.last}, the log at {head}: this is another database, or one"
                " restored from an older backup; if it is the right one, `verbatim relay refill`"
            )
        for position in {self._doubtful, state.last}:
            if state.first <= position <= state.last:
                await self._compare(nats, the_log, outbox, position)
        return state.last

    async def _compare(self, nats: Nats, the_log: Log, outbox: Outbox, position: int) -> None:
        theirs = await streams.event_id_at(nats.js, position)
        if theirs not in (None, await the_log.event_id_at(position, outbox)):
            raise ForeignStream(
                f"position {position} of {STREAM} is not that of the log: somebody else publishes to"
                " its subjects, or this is another database; mend that, then `verbatim relay refill`"
            )

    async def _note(self, the_log: Log, pump: Pump) -> None:
        """Keep the checkpoint that others read near the truth."""
        noted = -1
        while True:
            if pump.position != noted:
                noted = pump.position
                await the_log.note(STREAM, noted)
            await asyncio.sleep(NOTE_SECONDS)
