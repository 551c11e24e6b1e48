"""Appends a service's own commands: decide on the newest state, append, on a conflict once more."""

from collections.abc import Sequence

from msgspec.structs import replace

from domain.codec import Codec
from domain.commands import CompactConversation
from domain.decide import decide
from domain.envelope import Meta
from domain.events import Event
from domain.state import evolve
from eventstore.appends import Append, NewEvent, StoredRow
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
        async with self._states.turns.turn(stream):
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
        def decided() -> Append:
            nonlocal events
            events = decide(folded.state, command)
            new: list[NewEvent] = []
            for number, event in enumerate(events, 1):
                own = replace(meta, event_id=f"{meta.command_id}-{number}")
                topic, body = self._codec.encode(own, event)
                new.append(NewEvent(stream, folded.version + number, topic, body))
            return Append(meta.command_id, tuple(new), None, again)

        def again(rows: Sequence[StoredRow]) -> Append:
            nonlocal folded
            folded = self._states.read_on(folded, rows)
            return decided()

        events: Sequence[Event] = ()
        append = decided()
        position = (await self._writer.append(append)).last_position if events else 0
        state = folded.state
        assert state is not None  # noqa: S101 - decided on, it exists
        if not events:
            return Landed(state, [], folded.position, meta.occurred_at)
        for event in events:
            state = evolve(state, event, state.version + 1, meta.occurred_at)
        self._states.remember(stream, Folded(state, position))
        return Landed(state, events, position, meta.occurred_at)
