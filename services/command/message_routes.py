"""Writes to a conversation's messages: append one, append many, pin."""

from typing import Any

import msgspec

from domain.commands import AppendMessages, PinMessage, UnpinMessage
from domain.refusals import (
    BatchPartlyStored,
    CompactionOvertaken,
    ConversationIsDeleted,
    ConversationNotFound,
    MessageExists,
    MessageNotFound,
    UnmatchedToolCall,
)
from eventstore.errors import MessageIdTaken
from eventstore.reader import LogReader
from eventstore.states import States
from services.command.answers import (
    MessageAnswer,
    MessagesAnswer,
    messages_answer,
)
from services.command.append_at_once import AppendAtOnce
from services.command.drafts import Draft, Drafter
from services.command.handle import ATTEMPTS, Handler, Order, Outcome, too_many_writers
from services.command.once import Once, key_of
from services.command.orders import conversation_of, message_of, order_of
from services.command.requests import AppendBatch, MessageIn, PatchMessage
from services.compaction.compactor import Compactor
from services.http import examples
from services.http.endpoint import Answer, Call, Endpoint
from services.http.minting import Minter


class MessageRoutes:
    def __init__(  # noqa: PLR0917 - what it is wired from
        self,
        handler: Handler,
        once: Once,
        states: States,
        reader: LogReader,
        drafter: Drafter,
        minter: Minter,
        compactor: Compactor,
        at_once: AppendAtOnce,
    ) -> None:
        self._handler = handler
        self._once = once
        self._states = states
        self._reader = reader
        self._drafter = drafter
        self._minter = minter
        self._compactor = compactor
        self._at_once = at_once

    def endpoints(self) -> list[Endpoint]:
        messages = "/v1/conversations/{conversation_id:str}/messages"
        one = f"{messages}/{{message_id:str}}"
        return [
            Endpoint(
                *("POST", messages, "write", self.append, "Append a message"),
                answer=MessageAnswer,
                at_once=self._at_once.begin,
                status=201,
                also=(200,),
                body=MessageIn,
                tag="messages",
                example_body=examples.NEW_MESSAGE,
                example_answer=examples.MESSAGE_ANSWER,
            ),
            Endpoint(
                *("POST", f"{messages}/batch", "write", self.append_batch, "Append messages"),
                answer=MessagesAnswer,
                status=201,
                also=(200,),
                body=AppendBatch,
                tag="messages",
                example_body=examples.BATCH,
                example_answer=examples.MESSAGES_ANSWER,
            ),
            Endpoint(
                *("PATCH", one, "write", self.pin, "Pin or unpin a message"),
                answer=MessageAnswer,
                body=PatchMessage,
                tag="messages",
                example_body={"is_pinned": True},
                example_answer=examples.MESSAGE_ANSWER,
            ),
        ]

    async def append(self, call: Call[Any, MessageIn]) -> Answer:
        """Append a message. The same id with the same content answers the stored message (200)."""
        return await self._once.answer(call, key_of(call), lambda: self._append_one(call))

    async def append_batch(self, call: Call[Any, AppendBatch]) -> Answer:
        """Append messages: all or none, contiguous. Repeated with the same ids it answers the stored ones (200)."""
        return await self._once.answer(call, key_of(call), lambda: self._append_batch(call))

    async def pin(self, call: Call[Any, PatchMessage]) -> Answer:
        """Pin or unpin a message. A pinned message survives every compaction."""
        return await self._once.answer(call, key_of(call), lambda: self._pin(call))

    async def _append_one(self, call: Call[Any, MessageIn]) -> Answer:
        drafts = await self._drafter.drafts([call.body], self._minter.now(), "")
        outcome, status = await self._append(call, drafts, "message")
        return messages_answer(conversation_of(call), outcome, status, single=True)

    async def _append_batch(self, call: Call[Any, AppendBatch]) -> Answer:
        drafts = await self._drafter.drafts(call.body.messages, self._minter.now())
        outcome, status = await self._append(call, drafts, "messages")
        return messages_answer(conversation_of(call), outcome, status)

    async def _append(
        self, call: Call[Any, Any], drafts: list[Draft], kind: str
    ) -> tuple[Outcome, int]:
        in_list = kind == "messages"
        command = AppendMessages(tuple(draft.message for draft in drafts), in_list=in_list)
        order = order_of(call, self._minter, conversation_of(call), command, kind)
        try:
            return await self._handler.handle(order), 201
        except MessageIdTaken:
            return await self._stored(order, drafts, in_list=in_list), 200
        except UnmatchedToolCall:
            # Repeated, a message may look wrong by now: the call it answers is answered, by itself.
            names = [draft.message.message_id for draft in drafts]
            if not await self._reader.find_messages(order.stream, names):
                raise
            return await self._stored(order, drafts, in_list=in_list), 200

    async def _stored(self, order: Order, drafts: list[Draft], *, in_list: bool) -> Outcome:
        """The messages as stored, where all of them stand and none differs.

        Raises MessageExists, BatchPartlyStored, KeyTaken.
        """
        names = [draft.message.message_id for draft in drafts]
        rows = await self._reader.find_messages(order.stream, names)
        folded = await self._states.newest(order.stream)
        if folded.state is None:
            raise ConversationNotFound
        events: list[Any] = []
        for index, draft in enumerate(drafts):
            row = rows.get(draft.message.message_id)
            event = self._states.decode(row)[1] if row is not None else None
            place = f"messages[{index}].id" if in_list else "id"
            if event is None and rows:
                raise BatchPartlyStored(place)
            if (
                event is None
                or event.sequence in folded.state.retracted
                or not draft.is_same_as(event)
            ):
                raise MessageExists(place)
            events.append(event)
        outcome = Outcome(folded.state, events, max(row.position for row in rows.values()))
        await self._handler.note(order, names, outcome)
        return outcome

    async def _pin(self, call: Call[Any, PatchMessage]) -> Answer:
        conversation, message = conversation_of(call), message_of(call)
        kind = PinMessage if call.body.is_pinned else UnpinMessage
        unplaced = order_of(
            call, self._minter, conversation, kind(message, 0), "pinned", message_id=message
        )
        rows = await self._reader.find_messages(unplaced.stream, [message])
        if message not in rows:
            state = (await self._states.newest(unplaced.stream)).state
            if state is None:
                raise ConversationNotFound
            raise MessageNotFound if state.deleted_at is None else ConversationIsDeleted
        event = self._states.decode(rows[message])[1]
        order = msgspec.structs.replace(unplaced, command=kind(message, event.sequence))
        outcome = await self._pinned(order, event.sequence, pin=call.body.is_pinned)
        shown = msgspec.structs.replace(outcome, events=[event])
        return messages_answer(conversation, shown, single=True)

    async def _pinned(self, order: Order, sequence: int, *, pin: bool) -> Outcome:
        """A compacted message comes back with its group: what that is and costs is worked out on the log."""
        for _ in range(ATTEMPTS):
            try:
                return await self._handler.handle(order)
            except CompactionOvertaken:
                command = await self._compactor.pinning(order.stream, sequence, pin=pin)
                order = msgspec.structs.replace(order, command=command)
        raise too_many_writers()
