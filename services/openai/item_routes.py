"""Items of a conversation in OpenAI's shapes."""

from contextlib import suppress
from typing import Any

from domain import ids
from domain.commands import AppendMessages, NewMessage
from domain.events import MessageAppended
from domain.items import ids_of, split_item_id
from domain.refusals import CompactionOvertaken, ConversationNotFound, MessageNotFound
from eventstore.reader import LogReader
from eventstore.states import States
from services.command.handle import ATTEMPTS, Handler, Outcome, too_many_writers
from services.command.once import Once, key_of
from services.command.orders import conversation_of, order_of
from services.compaction.compactor import Compactor
from services.http import examples
from services.http.endpoint import Answer, Call, Endpoint
from services.http.minting import Minter
from services.openai.conversation_routes import ROOT, TAG
from services.openai.drafts import ItemDrafter
from services.openai.replays import CONVERSATION, ITEMS
from services.openai.requests import IncludeQuery, ListItems, NewItems
from services.openai.retries import Retries
from services.openai.shapes import (
    ConversationObject,
    ItemList,
    ItemObject,
    conversation_answer,
    items_json,
    items_of_event,
    items_of_stored,
    write_headers,
)
from services.query.reads import (
    BEYOND_LAST,
    Reads,
    existing,
    headers_of,
    ordered,
    values_of,
)


class ItemRoutes:
    def __init__(  # noqa: PLR0917 - what it is wired from
        self,
        handler: Handler,
        once: Once,
        retries: Retries,
        drafter: ItemDrafter,
        states: States,
        reader: LogReader,
        reads: Reads,
        minter: Minter,
        compactor: Compactor,
    ) -> None:
        self._handler = handler
        self._once = once
        self._retries = retries
        self._drafter = drafter
        self._states = states
        self._reader = reader
        self._reads = reads
        self._minter = minter
        self._compactor = compactor
        self._read = ordered("read_messages")

    def endpoints(self) -> list[Endpoint]:
        items = f"{ROOT}/{{conversation_id:str}}/items"
        one = f"{items}/{{item_id:str}}"
        return [
            Endpoint(
                *("POST", items, "write", self.create, "Add items"),
                answer=ItemList,
                query=IncludeQuery,
                body=NewItems,
                tag=TAG,
                example_body=examples.OPENAI_NEW_ITEMS,
                example_answer=examples.OPENAI_ITEMS,
            ),
            Endpoint(
                *("GET", items, "read", self.list_items, "List items"),
                answer=ItemList,
                query=ListItems,
                tag=TAG,
                example_answer=examples.OPENAI_ITEMS,
            ),
            Endpoint(
                *("GET", one, "read", self.get, "Get an item"),
                answer=ItemObject,
                query=IncludeQuery,
                tag=TAG,
                example_answer=examples.OPENAI_ITEM,
            ),
            Endpoint(
                *("DELETE", one, "write", self.delete, "Delete an item"),
                answer=ConversationObject,
                tag=TAG,
                example_answer=examples.OPENAI_CONVERSATION,
            ),
        ]

    async def create(self, call: Call[IncludeQuery, NewItems]) -> Answer:
        """Add up to 20 items: all or none. Their ids are made here; whatever else they hold comes back as it is.

        A message, a call or an output is a message of the conversation for every other reader, too.
        """
        return await self._retries.answer(call, lambda: self._create(call))

    async def list_items(self, call: Call[ListItems, None]) -> Answer:
        """List a conversation's items, newest first unless asked otherwise."""
        asked = call.query
        step = 1 if asked.order == "asc" else -1
        after = 0 if asked.order == "asc" else BEYOND_LAST
        if asked.after is not None:
            event = await self._event(call, split_item_id(asked.after)[0])
            # What is left of its message comes first. Nothing is: then not even to be read, for it may fill a page.
            is_last = ids_of(items_of_event(event)[::step])[-1] == asked.after
            after = event.sequence if is_last else event.sequence - step
        values = values_of(call) | {"after": after, "role": None, "pinned": None}
        # A message is one item at least: with the one that `after` is in, these are more than enough.
        rows = await self._reads.rows(
            call, self._read[asked.order], values | {"limit": asked.limit + 2}
        )
        existing(rows)
        items = [item for row in rows.messages for item in items_of_stored(row)[::step]]
        names = ids_of(items)
        start = names.index(asked.after) + 1 if asked.after in names else 0
        shown = items[start : start + asked.limit]
        body = items_json(shown, has_more=rows.are_cut or len(items) > start + asked.limit)
        return Answer(body, 200, headers_of(rows.freshness, rows.version))

    async def get(self, call: Call[IncludeQuery, None]) -> Answer:
        """Get an item; deleted ones are not found."""
        item_id: str = call.path["item_id"]
        message_id, number = split_item_id(item_id)
        after = await self._sequence(call, message_id) - 1
        values = values_of(call) | {"after": after, "role": None, "pinned": None, "limit": 1}
        rows = await self._reads.rows(call, self._read["asc"], values)
        existing(rows)
        items = items_of_stored(rows.messages[0]) if rows.messages else []
        if item_id not in ids_of(items):
            raise MessageNotFound
        return Answer(items[number - 1], 200, headers_of(rows.freshness, rows.version))

    async def delete(self, call: Call[Any, None]) -> Answer:
        """Delete an item: it leaves lists, contexts and search; the log keeps it. A second time changes nothing.

        An item that is a part of a message, one of its calls, takes the whole message with it.
        """
        return await self._once.answer(call, key_of(call), lambda: self._delete(call))

    async def _create(self, call: Call[IncludeQuery, NewItems]) -> Answer:
        conversation = conversation_of(call)

        async def append(messages: tuple[NewMessage, ...]) -> Outcome:
            command = AppendMessages(messages)
            order = order_of(call, self._minter, conversation, command, ITEMS)
            return await self._handler.handle(order)

        outcome = await self._drafter.append(call.body.items, self._minter.now(), append)
        appended = [event for event in outcome.events if isinstance(event, MessageAppended)]
        items = [item for event in appended for item in items_of_event(event)]
        headers = write_headers(outcome.state.version, outcome.position)
        return Answer(items_json(items, has_more=False), 200, headers)

    async def _delete(self, call: Call[Any, None]) -> Answer:
        conversation = conversation_of(call)
        item_id: str = call.path["item_id"]
        event = await self._event(call, split_item_id(item_id)[0])
        if item_id not in ids_of(items_of_event(event)):
            raise MessageNotFound
        outcome = await self._retract(call, conversation, event)
        return conversation_answer(conversation, outcome.state, outcome.position)

    async def _retract(
        self, call: Call[Any, None], conversation: str, event: MessageAppended
    ) -> Outcome:
        """What leaves the context with it is worked out on the log: results, repairs, pieces of a summary."""
        stream = ids.stream_id(call.workspace, conversation)
        for _ in range(ATTEMPTS):
            command = await self._compactor.retracting(stream, event.message_id, event.sequence)
            order = order_of(call, self._minter, conversation, command, CONVERSATION)
            with suppress(CompactionOvertaken):
                return await self._handler.handle(order)
        raise too_many_writers()

    async def _sequence(self, call: Call[Any, Any], message_id: str) -> int:
        return (await self._event(call, message_id)).sequence

    async def _event(self, call: Call[Any, Any], message_id: str) -> MessageAppended:
        """The one that appended the message. Raises ConversationNotFound, MessageNotFound."""
        stream = ids.stream_id(call.workspace, conversation_of(call))
        if ids.IDENTIFIER.fullmatch(message_id) is None:
            raise MessageNotFound
        rows = await self._reader.find_messages(stream, [message_id])
        if message_id not in rows:
            state = (await self._states.newest(stream)).state
            raise MessageNotFound if state is not None else ConversationNotFound
        return self._states.decode(rows[message_id])[1]
