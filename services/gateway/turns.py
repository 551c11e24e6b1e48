"""The first half of a chat completion: what the caller said is on disk before a model hears of it."""

import re

import msgspec

from domain import ids
from domain.commands import NewMessage
from domain.compaction.engine import Live
from domain.compaction.entries import Entry
from domain.envelope import Meta
from domain.events import MessageAppended
from domain.policy import CompactionPolicy
from domain.refusals import ConversationIsDeleted, ConversationNotFound, Refusal
from services.command.drafts import Drafter, check_plain
from services.command.handle import Replay
from services.command.orders import meta_of
from services.command.requests import MessageIn
from services.gateway.attempts import Attempt
from services.gateway.context import New
from services.gateway.messages import Said, message_in, new_ones, said
from services.gateway.recording import Conversation, Opening, Recorder
from services.gateway.requests import ChatBody
from services.http.endpoint import Call
from services.http.errors import ApiError
from services.http.minting import Minter
from services.http.names import check_conversation_id

_PLACE = re.compile(r"messages\[(\d+)\](.*)")


class Turn(msgspec.Struct):
    """A request whose messages are stored."""

    conversation: Conversation
    meta: Meta
    position: int
    """Of the last event of the conversation."""
    policy: CompactionPolicy
    new: list[New]


class Turns:
    def __init__(self, recorder: Recorder, drafter: Drafter, minter: Minter) -> None:
        self._recorder = recorder
        self._drafter = drafter
        self._minter = minter

    async def begin(
        self, call: Call[None, ChatBody], sent: list[MessageIn], attempt: Attempt
    ) -> Turn:
        """Raises ApiError (400), Refusal, CodecError, KeyTaken, Overloaded, Unavailable."""
        body, meta = call.body, meta_of(call, self._minter)
        conversation = await self._conversation(call)
        told = [_said(message) for message in sent]
        spoken = sum(not message.instructs for message in told)
        history = await self._recorder.history(conversation, spoken)
        places = new_ones(told, [_said(entry) for entry in history])
        try:
            drafts = await self._drafter.drafts([sent[p] for p in places], meta.occurred_at)
            messages = [_free(draft.message) for draft in drafts]
            opening = Opening(body.user_id, body.assistant_id)
            outcome = await self._recorder.add(conversation, messages, opening, meta, attempt)
        except (ApiError, Refusal) as error:
            error.param = _in_request(error.param, places)
            raise
        events = [event for event in outcome.events if isinstance(event, MessageAppended)]
        new = [New(bytes(body.messages[p]), e) for p, e in zip(places, events, strict=True)]
        return Turn(conversation, meta, outcome.position, outcome.state.compaction, new)

    async def resume(self, call: Call[None, ChatBody], stored: Replay, position: int) -> Turn:
        """One whose messages an earlier attempt has stored. Raises Refusal, CodecError, Unavailable."""
        name = ids.split_stream(stored.stream)[1]
        conversation = await self._recorder.read(call.workspace, name)
        if conversation.state is None:
            raise ConversationNotFound
        _must_stand(conversation)
        meta = meta_of(call, self._minter)
        return Turn(conversation, meta, position, conversation.state.compaction, [])

    async def _conversation(self, call: Call[None, ChatBody]) -> Conversation:
        given = call.body.conversation_id
        if given is None:
            minted = ids.conversation_id(self._minter.hex_id())
            return Conversation(minted, ids.stream_id(call.workspace, minted), None, Live([]))
        conversation = await self._recorder.read(call.workspace, given)
        _must_stand(conversation)
        return conversation


def _must_stand(conversation: Conversation) -> None:
    if conversation.state is not None and conversation.state.deleted_at is not None:
        raise ConversationIsDeleted


def _free(message: NewMessage) -> NewMessage:
    """What it uses of a model is told with the answer: here it costs nothing yet."""
    return msgspec.structs.replace(message, input_tokens=0, output_tokens=0)


def checked(body: ChatBody) -> list[MessageIn]:
    """The request's messages. Raises ApiError (400)."""
    check_conversation_id(body.conversation_id, "conversation_id")
    for name in ("model", "user_id", "assistant_id"):
        check_plain(getattr(body, name), name)
    return [message_in(raw, f"messages[{place}]") for place, raw in enumerate(body.messages)]


def _said(message: MessageIn | Entry) -> Said:
    return said(
        message.role, message.content, message.tool_calls, message.tool_call_id, message.name
    )


def _in_request(param: str | None, places: list[int]) -> str | None:
    """The place among the new messages as the place in the request."""
    found = _PLACE.fullmatch(param or "")
    return f"messages[{places[int(found[1])]}]{found[2]}" if found else param
