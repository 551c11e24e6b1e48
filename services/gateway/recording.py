"""Conversations as the gateway reads and writes them: on from the log, never behind it."""

from collections.abc import Sequence

import msgspec

from domain import ids
from domain.commands import AppendMessages, Command, NewMessage, StartConversation
from domain.compaction.engine import Live
from domain.compaction.entries import Entry
from domain.envelope import Meta
from domain.events import MessageAppended
from domain.policy import CompactionPolicy
from domain.refusals import ConversationExists
from domain.state import ConversationState
from eventstore.reader import LogReader
from eventstore.states import States
from services.command.handle import Handler, Order, Outcome
from services.compaction.loading import Loader
from services.gateway.attempts import KIND, Attempt
from services.http.minting import Minter


class Conversation(msgspec.Struct):
    """As it stood when it was read; `state` is None where there is none yet."""

    id: str
    stream: str
    state: ConversationState | None
    live: Live
    """What stood in its context."""


class Opening(msgspec.Struct, frozen=True):
    """What a conversation that is created begins with."""

    user_id: str | None
    assistant_id: str | None


class Recorder:
    def __init__(  # noqa: PLR0917 - what it is wired from
        self,
        handler: Handler,
        states: States,
        loader: Loader,
        reader: LogReader,
        minter: Minter,
        policy: CompactionPolicy,
    ) -> None:
        self._handler = handler
        self._states = states
        self._loader = loader
        self._reader = reader
        self._minter = minter
        self._policy = policy

    async def read(self, workspace: str, conversation: str) -> Conversation:
        """Everything acknowledged before, at the cost of what is live. Raises CodecError, Unavailable."""
        stream = ids.stream_id(workspace, conversation)
        state = (await self._states.newest(stream)).state
        if state is None:
            return Conversation(conversation, stream, None, Live([]))
        live = (await self._loader.load(stream, state)).live(state)
        return Conversation(conversation, stream, state, live)

    async def history(self, conversation: Conversation, spoken: int) -> Sequence[Entry]:
        """Its messages as far as a request of so many, instructions apart, may begin with all of them.

        Compacted ones are read only then, so that the cost is bounded by the request's own size.
        """
        state, live = conversation.state, conversation.live.entries
        if state is None or state.compacted is None:
            return live
        instructions = sum(entry.is_instruction for entry in live)
        if spoken < state.message_count - instructions:
            return live
        whole = await self._loader.load(conversation.stream, state, whole=True)
        return whole.entries

    async def add(
        self,
        conversation: Conversation,
        messages: list[NewMessage],
        opening: Opening,
        meta: Meta,
        attempt: Attempt,
    ) -> Outcome:
        """Append to it, or start it with these; and the attempt's row. Raises Refusal, Overloaded, Unavailable."""
        start = StartConversation(
            source="api",
            compaction=self._policy,
            created_at=meta.occurred_at,
            assistant_id=opening.assistant_id,
            user_id=opening.user_id,
            messages=tuple(messages),
        )
        append = AppendMessages(tuple(messages))

        def order(command: Command) -> Order:
            return Order(
                conversation.stream,
                command,
                meta,
                keyed=attempt.keyed,
                kind=KIND,
                message_id=attempt.answer_id,
            )

        if conversation.state is None:
            try:
                return await self._handler.handle(order(start))
            except ConversationExists:  # by now: another request was first
                return await self._handler.handle(order(append))
        return await self._handler.handle(order(append))

    async def answer(self, conversation: Conversation, message: NewMessage, meta: Meta) -> Outcome:
        """Append the model's answer. Raises Refusal, Overloaded, Unavailable."""
        later = msgspec.structs.replace(
            meta, command_id=self._minter.hex_id(), occurred_at=self._minter.now()
        )
        command = AppendMessages((message,), in_list=False)
        return await self._handler.handle(Order(conversation.stream, command, later))

    async def answered(self, stream: str, message_id: str) -> tuple[MessageAppended, int] | None:
        """The answer of this id, where there is one, and its position."""
        rows = await self._reader.find_messages(stream, [message_id])
        if message_id not in rows:
            return None
        return self._states.decode(rows[message_id])[1], rows[message_id].position
