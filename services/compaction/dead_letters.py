"""Conversations that could not be compacted, and why: a JetStream stream of their own, the newest letter of each."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec
import nats.js.errors
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, StorageType, StreamConfig

from domain.ids import split_stream
from projections.relay.jetstream import JetStream, connected

STREAM = "VERBATIM_DEAD_LETTERS"
SUBJECTS = "verbatim.dead.v1.>"

KEPT_SECONDS = 90 * 86_400.0
KEPT_BYTES = 64 << 20
LONGEST_REASON = 1_000


class DeadLetter(msgspec.Struct, frozen=True):
    """`stream` is `<workspace>:<conversation>`; `position` that of the event that was worked on, `since` as in Due."""

    stream: str
    position: int
    event_id: str
    attempts: int
    reason: str
    at: datetime
    since: int = 0


class Kept(msgspec.Struct, frozen=True):
    sequence: int
    letter: DeadLetter


class DeadLetters:
    def __init__(self, js: JetStream, replicas: int = 1) -> None:
        self._js = js
        self._replicas = replicas

    async def prepare(self) -> None:
        """Make the stream where it is missing."""
        config = StreamConfig(
            name=STREAM,
            description="What Verbatim's workers gave up, with the reason.",
            subjects=[SUBJECTS],
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            max_msgs_per_subject=1,
            max_age=KEPT_SECONDS,
            max_bytes=KEPT_BYTES,
            num_replicas=self._replicas,
        )
        try:
            await self._js.stream_info(STREAM)
        except nats.js.errors.NotFoundError:
            await self._js.add_stream(config)

    async def put(self, letter: DeadLetter) -> None:
        """Stored when this returns; it replaces an earlier one of the conversation."""
        workspace, conversation = split_stream(letter.stream)
        subject = f"verbatim.dead.v1.compaction.{workspace}.{conversation}"
        letter = msgspec.structs.replace(letter, reason=letter.reason[:LONGEST_REASON])
        await self._js.publish(subject, msgspec.json.encode(letter), stream=STREAM)

    async def number(self) -> int:
        """How many there are."""
        try:
            return (await self._js.stream_info(STREAM)).state.messages
        except nats.js.errors.NotFoundError:
            return 0

    async def all(self) -> list[Kept]:
        """The oldest first."""
        if not (expected := await self.number()):
            return []
        config = ConsumerConfig(ack_policy=AckPolicy.NONE)
        subscription = await self._js.pull_subscribe("", stream=STREAM, config=config)
        found: list[Kept] = []
        while len(found) < expected:
            for message in await subscription.fetch(256, timeout=5):
                letter = msgspec.json.decode(message.data, type=DeadLetter)
                found.append(Kept(message.metadata.sequence.stream, letter))
        await subscription.unsubscribe()
        return found

    async def remove(self, kept: Kept) -> None:
        await self._js.delete_msg(STREAM, kept.sequence)


@asynccontextmanager
async def dead_letters(nats_url: str) -> AsyncGenerator[DeadLetters]:
    """On a connection of their own. Raises NatsUnavailable, then and inside."""
    async with connected(nats_url, "dead letters") as nats:
        yield DeadLetters(nats.js)
