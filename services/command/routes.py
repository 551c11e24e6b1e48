"""The endpoints of writes: decode, hand over, answer."""

from contextlib import suppress
from typing import Any

import msgspec

from domain import ids
from domain import resources as res
from domain.commands import AppendMessages, Command, StartConversation
from domain.envelope import Meta
from domain.events import MessageAppended
from domain.policy import CompactionPolicy
from domain.refusals import ConversationNotFound, MessageExists, Refusal, UnmatchedToolCall
from domain.state import ConversationState
from eventstore.errors import KeyTaken, MessageIdTaken
from eventstore.reader import LogReader
from services.command.drafts import (
    Draft,
    Drafter,
    check_identifier,
    check_pairs,
    check_plain,
    to_utc,
)
from services.command.handle import Handler, Order, Outcome, Replay
from services.command.once import Once, hash_of, key_of
from services.command.requests import AppendBatch, CreateConversation, MessageIn, Policy
from services.http.endpoint import Answer, Call, Endpoint, Headers, data
from services.http.errors import bad_request
from services.http.minting import Minter


class ConversationAnswer(msgspec.Struct):
    data: res.Conversation


class MessageAnswer(msgspec.Struct):
    data: res.Message


class MessagesAnswer(msgspec.Struct):
    data: list[res.Message]


class CommandRoutes:
    def __init__(
        self,
        handler: Handler,
        reader: LogReader,
        drafter: Drafter,
        minter: Minter,
        default_policy: CompactionPolicy,
    ) -> None:
        self._handler = handler
        self._reader = reader
        self._drafter = drafter
        self._minter = minter
        self._default_policy = default_policy
        self._once = Once(reader, self._remake)

    def endpoints(self) -> list[Endpoint]:
        conversations = "/v1/conversations"
        messages = f"{conversations}/{{conversation_id:str}}/messages"
        return [
            Endpoint(
                *("POST", conversations, "write", self.create, "Create a conversation"),
                answer=ConversationAnswer,
                status=201,
                body=CreateConversation,
            ),
            Endpoint(
                *("POST", messages, "write", self.append, "Append a message"),
                answer=MessageAnswer,
                status=201,
                body=MessageIn,
            ),
            Endpoint(
                *("POST", f"{messages}/batch", "write", self.append_batch, "Append messages"),
                answer=MessagesAnswer,
                status=201,
                body=AppendBatch,
            ),
        ]

    async def create(self, call: Call[Any, CreateConversation]) -> Answer:
        """Create a conversation, with up to 100 messages."""
        conversation = call.body.id or ids.conversation_id(self._minter.hex_id())
        return await self._once.answer(call, key_of(call), lambda: self._create(call, conversation))

    async def append(self, call: Call[Any, MessageIn]) -> Answer:
        """Append a message. The same id with the same content answers the stored message (200)."""
        return await self._once.answer(call, key_of(call), lambda: self._append_one(call))

    async def append_batch(self, call: Call[Any, AppendBatch]) -> Answer:
        """Append messages: all or none, contiguous. Repeated with the same ids it answers the stored ones (200)."""
        return await self._once.answer(call, key_of(call), lambda: self._append_batch(call))

    async def _create(self, call: Call[Any, CreateConversation], conversation: str) -> Answer:
        body = call.body
        now = self._minter.now()
        check_identifier(body.id, "id")
        for name in ("assistant_id", "user_id", "title"):
            check_plain(getattr(body, name), name)
        check_pairs(body.metadata, "metadata")
        drafts = await self._drafter.drafts(body.messages, now)
        command = StartConversation(
            source=body.source,
            compaction=self._policy(body.compaction),
            created_at=to_utc(body.created_at, "created_at") or now,
            assistant_id=body.assistant_id,
            user_id=body.user_id,
            title=body.title,
            metadata=body.metadata,
            messages=tuple(draft.message for draft in drafts),
        )
        order = self._order(call, conversation, command, "conversation")
        outcome = await self._handler.handle(order)
        return _conversation_answer(conversation, outcome.state, outcome.position)

    async def _append_one(self, call: Call[Any, MessageIn]) -> Answer:
        drafts = await self._drafter.drafts([call.body], self._minter.now(), "")
        outcome, status = await self._append(call, drafts, "message")
        return _messages_answer(_conversation(call), outcome, status, single=True)

    async def _append_batch(self, call: Call[Any, AppendBatch]) -> Answer:
        drafts = await self._drafter.drafts(call.body.messages, self._minter.now())
        outcome, status = await self._append(call, drafts, "messages")
        return _messages_answer(_conversation(call), outcome, status, single=False)

    async def _append(
        self, call: Call[Any, Any], drafts: list[Draft], kind: str
    ) -> tuple[Outcome, int]:
        command = AppendMessages(tuple(draft.message for draft in drafts))
        order = self._order(call, _conversation(call), command, kind)
        try:
            return await self._handler.handle(order), 201
        except MessageIdTaken:
            return await self._stored(order.stream, drafts, kind), 200
        except Refusal as refusal:
            # Repeated, a message may look wrong by now: the call it answers is answered, by itself.
            if isinstance(refusal, UnmatchedToolCall):
                with suppress(MessageExists):
                    return await self._stored(order.stream, drafts, kind), 200
            if kind == "message" and refusal.param is not None:
                refusal.param = refusal.param.removeprefix("messages[0].")
            raise

    async def _stored(self, stream: str, drafts: list[Draft], kind: str) -> Outcome:
        """The messages as stored, where all of them are and none differs. Raises MessageExists."""
        names = [draft.message.message_id for draft in drafts]
        rows = await self._reader.find_messages(stream, names)
        events: list[Any] = []
        for index, draft in enumerate(drafts):
            row = rows.get(draft.message.message_id)
            event = self._handler.decode(row)[1] if row is not None else None
            if event is None or not draft.is_same_as(event):
                raise MessageExists("id" if kind == "message" else f"messages[{index}].id")
            events.append(event)
        folded = await self._handler.state(stream)
        if folded.state is None:
            raise ConversationNotFound
        return Outcome(folded.state, events, max(row.position for row in rows.values()))

    async def _remake(self, replay: Replay, position: int) -> Answer:
        """The first answer again: messages from their events, a conversation as it stands now."""
        folded = await self._handler.state(replay.stream)
        if folded.state is None:
            raise KeyTaken  # the row was written with the conversation's events: it exists
        conversation = ids.split_stream(replay.stream)[1]
        if replay.kind == "conversation":
            return _conversation_answer(conversation, folded.state, position)
        rows = await self._reader.stream_page(replay.stream, replay.first_version - 1, replay.count)
        events = [self._handler.decode(row)[1] for row in rows]
        outcome = Outcome(folded.state, events, position)
        return _messages_answer(conversation, outcome, 201, single=replay.kind == "message")

    def _order(self, call: Call[Any, Any], conversation: str, command: Command, kind: str) -> Order:
        key = key_of(call)
        meta = Meta(
            event_id="",
            occurred_at=self._minter.now(),
            command_id=self._minter.hex_id(),
            actor=call.principal.key_id,
            request_id=call.request_id,
        )
        return Order(
            stream=ids.stream_id(call.workspace, conversation),
            command=command,
            meta=meta,
            if_match=_if_match(call),
            key=key,
            request_hash=hash_of(call) if key is not None else b"",
            kind=kind,
        )

    def _policy(self, given: Policy | None) -> CompactionPolicy:
        if given is None:
            return self._default_policy
        fields = msgspec.structs.asdict(given)
        chosen = {name: value for name, value in fields.items() if value is not msgspec.UNSET}
        return msgspec.structs.replace(self._default_policy, **chosen)


def _conversation(call: Call[Any, Any]) -> str:
    """The path's conversation id. One that cannot be is one that does not exist."""
    conversation: str = call.path["conversation_id"]
    if ids.IDENTIFIER.fullmatch(conversation) is None:
        raise ConversationNotFound
    return conversation


def _if_match(call: Call[Any, Any]) -> int | None:
    raw = call.headers.get(b"if-match")
    if raw is None or raw.strip() == b"*":
        return None
    text = raw.strip().removeprefix(b"W/").strip(b'"')
    if not text.isdigit() or len(text) > 18:
        raise bad_request(
            'If-Match takes the version that an ETag gave, such as "7"', "invalid_value", "If-Match"
        )
    return int(text)


def _headers(version: int, position: int) -> Headers:
    return [(b"etag", b'"%d"' % version), (b"x-event-position", b"%d" % position)]


def _conversation_answer(conversation: str, state: ConversationState, position: int) -> Answer:
    body = data(res.encode(res.conversation(conversation, state)))
    return Answer(body, 201, _headers(state.version, position))


def _messages_answer(conversation: str, outcome: Outcome, status: int, *, single: bool) -> Answer:
    pinned = outcome.state.pinned
    messages = [
        res.with_flags(
            res.message_json(conversation, event),
            is_pinned=event.sequence in pinned,
            is_compacted=False,
        )
        for event in outcome.events
        if isinstance(event, MessageAppended)
    ]
    body = messages[0] if single else b"[" + b",".join(messages) + b"]"
    return Answer(data(body), status, _headers(outcome.state.version, outcome.position))
