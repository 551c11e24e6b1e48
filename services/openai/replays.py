"""Answers to repeated requests, made again from what their rows hold."""

from domain import ids
from domain.events import MessageAppended
from eventstore.errors import KeyTaken
from eventstore.reader import LogReader
from eventstore.states import States
from services.command.handle import Replay
from services.http.endpoint import Answer
from services.openai.shapes import (
    conversation_answer,
    deleted_answer,
    items_json,
    items_of_event,
    write_headers,
)

CONVERSATION, DELETED, ITEMS = "openai.conversation", "openai.deleted", "openai.items"
"""What an answer is made of. A conversation is answered as it stands now."""


class ItemRemaker:
    def __init__(self, states: States, reader: LogReader) -> None:
        self._states = states
        self._reader = reader

    async def remake(self, replay: Replay, position: int) -> Answer:
        state = (await self._states.newest(replay.stream)).state
        if state is None:
            raise KeyTaken  # the row was written with the conversation's events: it exists
        conversation = ids.split_stream(replay.stream)[1]
        if replay.kind == DELETED:
            return deleted_answer(conversation, replay.version, position)
        if replay.kind == CONVERSATION:
            return conversation_answer(conversation, state, position)
        rows = await self._reader.stream_page(replay.stream, replay.first_version - 1, replay.count)
        events = [self._states.decode(row)[1] for row in rows]
        items = [
            item
            for event in events
            if isinstance(event, MessageAppended)
            for item in items_of_event(event)
        ]
        body = items_json(items, has_more=False)
        return Answer(body, 200, write_headers(replay.version, position))
