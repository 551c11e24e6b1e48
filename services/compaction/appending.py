"""Appends a service's own commands: decide on the newest state, append, on a conflict once more."""

from msgspec.structs import replace

from domain.codec import Codec
from domain.commands import CompactConversation
from domain.decide import decide
from domain.envelope import Meta
from domain.state import evolve
from eventstore.appends import Append, NewEvent
from eventstore.errors import Overloaded, VersionConflict
from eventstore.folded import Folded
from eventstore.states import States
from eventstore.writer import GroupCommitWriter
from services.compaction.asking import Landed

ATTEMPTS = 50


class Appender:
    """For whoever compacts without a request: the worker. One a process."""

    def __init__(self, writer: GroupCommitWriter, states: States) -> None:
        self._writer = writer
        self._states = states
        self._codec = Codec()

    async def append(self, stream: str, command: CompactConversation, meta: Meta) -> Landed:
        """`meta.event_id` is left to this. Raises domain.refusals.Refusal, and what the log raises."""
        async with self._states.lock(stream):
            for _ in range(ATTEMPTS):
                folded = await self._states.newest(stream)
                try:
                    return await self._attempt(stream, command, meta, folded)
                except VersionConflict:
                    continue
        raise Overloaded("too many writers at this conversation; try again shortly")

    async def _attempt(
        self, stream: str, command: CompactConversation, meta: Meta, folded: Folded
    ) -> Landed:
        events = decide(folded.state, command)
        state = folded.state
        assert state is not None  # noqa: S101 - decided on, it exists
        if not events:
            return Landed(state, [], folded.position, meta.occurred_at)
        new: list[NewEvent] = []
        for number, event in enumerate(events, 1):
            own = replace(meta, event_id=f"{meta.command_id}-{number}")
            topic, body = self._codec.encode(own, event)
            new.append(NewEvent(stream, folded.version + number, topic, body))
            state = evolve(state, event, folded.version + number, meta.occurred_at)
        appended = await self._writer.append(Append(meta.command_id, tuple(new)))
        self._states.remember(stream, Folded(state, appended.last_position))
        return Landed(state, events, appended.last_position, meta.occurred_at)
