"""Compacts by itself: hears on NATS which conversations have passed their trigger, and sees to each."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from datetime import UTC, datetime

import msgspec
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from domain.ids import stream_id
from domain.published import STREAM
from projections.relay.errors import NatsUnavailable
from projections.relay.jetstream import Nats, connected
from projections.relay.together import until_one_ends
from services.compaction.dead_letters import DeadLetters
from services.compaction.jobs import Counts, Due, Jobs, Patience
from services.compaction.pulling import ensure_consumer, pulled

log = logging.getLogger(__name__)

DURABLE, APPENDED = "compaction", "verbatim.v1.*.*.MessageAppended"
POLICIES, CHANGED = "compaction_policies", "verbatim.v1.*.*.CompactionPolicyChanged"
"""Consumers, and what each hears: two, for the server's permissions can hold a consumer to one filter, not to several."""
ACK_SECONDS = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


class _Data(msgspec.Struct):
    """Of a MessageAppended; a CompactionPolicyChanged does not know what the context costs."""

    context_tokens: int = 0
    trigger_tokens: int = 0


class _Event(msgspec.Struct):
    """What is needed of a published event."""

    id: str
    source: str
    position: str
    version: str
    data: _Data | None


class Worker:
    """Several may run: the durable consumer hands each message to one of them."""

    def __init__(
        self,
        nats_url: str,
        work: Callable[[str, str, int], Awaitable[object]],
        *,
        at_once: int,
        patience: Patience,
        replicas: int = 1,
    ) -> None:
        self._nats_url = nats_url
        self._work = work
        self._at_once = at_once
        self._patience = patience
        self._replicas = replicas
        self._decode = msgspec.json.Decoder(_Event).decode
        self.counts = Counts()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; what it is at is broken off then. Survives a lost NATS."""
        pause = FIRST_PAUSE
        while not stop.is_set():
            before = self.counts.subscriptions
            try:
                await until_one_ends(self._subscribed(), stop.wait())
            except NatsUnavailable as error:
                log.warning("compaction waits: %s", error)
            pause = (
                FIRST_PAUSE if self.counts.subscriptions > before else min(pause * 2, LONGEST_PAUSE)
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    async def _subscribed(self) -> None:
        """Until something breaks."""
        async with connected(self._nats_url, "compaction") as nats:
            await until_one_ends(self._listen(nats), nats.failure())

    async def _listen(self, nats: Nats) -> None:
        letters = DeadLetters(nats.js, self._replicas)
        await letters.prepare()
        try:
            for config in consumers():
                await ensure_consumer(nats, STREAM, config)
        except NotFoundError:
            raise NatsUnavailable(f"there is no stream {STREAM} yet; start the relay") from None
        jobs = Jobs(
            self._work, letters, at_once=self._at_once, patience=self._patience, counts=self.counts
        )
        self.counts.subscriptions += 1
        log.info("compaction listens")
        try:
            await until_one_ends(
                self._hear(nats, jobs, DURABLE), self._hear(nats, jobs, POLICIES), jobs.fault()
            )
        finally:
            await jobs.close()

    async def _hear(self, nats: Nats, jobs: Jobs, durable: str) -> None:
        async with aclosing(pulled(nats, STREAM, durable, jobs.room)) as messages:
            async for message in messages:
                await self._take(message, jobs, durable)

    async def _take(self, message: Msg, jobs: Jobs, durable: str) -> None:
        told = message.metadata
        self.counts.waiting[durable] = told.num_pending
        self.counts.lag_seconds = (datetime.now(UTC) - told.timestamp).total_seconds()
        try:
            event = self._decode(message.data)
            _, _, workspace, _, conversation = event.source.split("/")
        except (msgspec.DecodeError, ValueError) as error:
            log.warning("a message on %s is none of ours: %s", message.subject, error)
            await message.term()
            return
        if event.data is not None and event.data.context_tokens < event.data.trigger_tokens:
            await message.ack()
            return
        # Another policy, or no data, too large or unreadable for the relay: only the conversation itself can tell.
        stream = stream_id(workspace, conversation)
        since = int(event.version) if durable == POLICIES else 0
        await jobs.take(Due(message, stream, int(event.position), event.id, since))


def consumers() -> list[ConsumerConfig]:
    """A new one begins with the last message of each conversation: earlier ones say nothing more."""
    return [_consumer(DURABLE, APPENDED), _consumer(POLICIES, CHANGED)]


def _consumer(durable: str, subject: str) -> ConsumerConfig:
    return ConsumerConfig(
        name=durable,  # so that the filter is in the request's subject, and permissions can hold it
        durable_name=durable,
        description="Verbatim's compaction worker",
        filter_subject=subject,
        deliver_policy=DeliverPolicy.LAST_PER_SUBJECT,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_SECONDS,
        max_deliver=-1,
        max_ack_pending=2_000,
    )
