"""The answers of writes."""

from typing import Any, Literal

import msgspec

from domain import ids
from domain import resources as res
from domain.events import MessageAppended
from domain.policy import Strategy
from domain.state import ConversationState, is_compacted
from eventstore.errors import KeyTaken
from eventstore.reader import LogReader
from eventstore.states import States
from services.command.handle import Outcome, Replay
from services.compaction.answers import compaction, nothing
from services.http.endpoint import Answer, Headers, data, list_body


class ConversationAnswer(msgspec.Struct):
    data: res.Conversation


class MessageAnswer(msgspec.Struct):
    data: res.Message


class MessagesAnswer(msgspec.Struct):
    """A list like any other; the messages of one request are all there."""

    data: list[res.Message]
    has_more: Literal[False]
    next_cursor: None


class Deleted(msgspec.Struct):
    id: str
    deleted: bool


class DeletedAnswer(msgspec.Struct):
    data: Deleted


def position_header(position: int) -> tuple[bytes, bytes]:
    return (b"x-event-position", b"%d" % position)


def conversation_answer(
    conversation: str, state: ConversationState, position: int, status: int = 200
) -> Answer:
    body = data(res.encode(res.conversation(conversation, state)))
    return Answer(body, status, headers_of(state.version, position))


def deleted_answer(conversation: str, version: int, position: int) -> Answer:
    body = data(res.encode(Deleted(conversation, deleted=True)))
    return Answer(body, 200, headers_of(version, position))


def messages_answer(
    conversation: str,
    outcome: Outcome,
    status: int = 200,
    *,
    single: bool = False,
    version: int | None = None,
) -> Answer:
    """Those that the outcome's events appended; `version` is the conversation's then, where that is not now."""
    pinned = outcome.state.pinned
    messages = [
        res.with_flags(
            res.message_json(conversation, event),
            is_pinned=event.sequence in pinned,
            is_compacted=is_compacted(outcome.state, event.sequence),
        )
        for event in outcome.events
        if isinstance(event, MessageAppended)
    ]
    body = data(messages[0]) if single else list_body(messages)
    return Answer(body, status, headers_of(version or outcome.state.version, outcome.position))


class Remaker:
    """Makes the first answer to a keyed request again.

    Messages are made from their events; a conversation is answered as it stands now, with the ETag of now.
    """

    def __init__(self, states: States, reader: LogReader) -> None:
        self._states = states
        self._reader = reader

    async def remake(self, replay: Replay, position: int) -> Answer:
        if replay.position is not None:
            position = replay.position
        if replay.answer:
            return Answer(data(bytes(replay.answer)), 200, [position_header(position)])
        folded = await self._states.newest(replay.stream)
        state = folded.state
        if state is None:
            raise KeyTaken  # the row was written with the conversation's events: it exists
        conversation = ids.split_stream(replay.stream)[1]
        match replay.kind:
            case "created" | "conversation":
                status = 201 if replay.kind == "created" else 200
                return conversation_answer(conversation, state, position, status)
            case "compacted":
                return await self._compaction(replay, conversation, position)
            case "deleted":
                return deleted_answer(conversation, replay.version, position)
            case _:
                outcome = Outcome(state, await self._events(replay), position)
                return messages_answer(
                    conversation,
                    outcome,
                    201 if replay.count and replay.kind != "pinned" else 200,
                    single=replay.kind != "messages",
                    version=replay.version,
                )

    async def _compaction(self, replay: Replay, conversation: str, position: int) -> Answer:
        headers = headers_of(replay.version, position)
        if not replay.count:
            strategy = msgspec.convert(replay.note, Strategy)
            return Answer(data(nothing(conversation, strategy)), 200, headers)
        rows = await self._reader.stream_page(replay.stream, replay.first_version - 1, 1)
        meta, event = self._states.decode(rows[0])
        return Answer(data(compaction(conversation, event, meta.occurred_at)), 200, headers)

    async def _events(self, replay: Replay) -> list[Any]:
        """Those that made the messages: appended by the request, or there before it."""
        names = (replay.message_id,) if replay.message_id else replay.message_ids
        if names:
            found = await self._reader.find_messages(replay.stream, list(names))
            rows = [found[name] for name in names]
        else:
            rows = await self._reader.stream_page(
                replay.stream, replay.first_version - 1, replay.count
            )
        return [self._states.decode(row)[1] for row in rows]


def headers_of(version: int, position: int) -> Headers:
    return [(b"etag", b'"%d"' % version), position_header(position)]
