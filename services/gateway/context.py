"""What the model is sent: the conversation's context, the request's new messages at its end as they came."""

from collections.abc import Sequence

import msgspec

from domain.compaction.engine import Live
from domain.compaction.entries import Entry
from domain.compaction.loading import entry_of
from domain.compaction.openai_shape import OpenAIMessage
from domain.events import MessageAppended
from domain.policy import CompactionPolicy
from domain.refusals import ContextBudgetTooSmall
from services.compaction.contexts import Contexts, Reading
from services.gateway.models import Target
from services.gateway.requests import ChatBody, Fields
from services.http.endpoint import Call
from services.http.errors import bad_request

DESCRIBING = ("tools", "functions", "response_format")
"""Fields that cost tokens beside the messages."""

_encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(Fields).decode


class Context(msgspec.Struct, frozen=True):
    """Messages as JSON, and what they cost."""

    messages: list[bytes]
    tokens: int


class New(msgspec.Struct, frozen=True):
    """A message that the request brought, and its event."""

    raw: bytes
    event: MessageAppended


class ContextBuilder:
    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts

    async def build(
        self,
        policy: CompactionPolicy,
        live: Live,
        new: Sequence[New],
        target: Target,
        call: Call[None, ChatBody],
    ) -> Context:
        """`live` is what stood before the new messages. Raises ApiError (400) where the model takes less than must stay."""
        added = [entry_of(one.event, is_pinned=False, tokens=one.event.token_count) for one in new]
        whole = msgspec.structs.replace(live, entries=[*live.entries, *added])
        budget = await self._budget(target, call)
        reading = Reading(max_tokens=budget, model=target.model)
        try:
            messages, tokens = await self._contexts.messages(policy, whole, reading)
        except ContextBudgetTooSmall as small:
            raise bad_request(
                f"what must stay in the context costs {small.needed} tokens, and `{call.body.model}` takes {budget}"
                " beside its answer; unpin messages, ask for a shorter answer, or begin a new conversation",
                "context_budget_too_small",
                "messages",
            ) from None
        return Context(_as_they_came(messages, added, [one.raw for one in new]), tokens)

    async def _budget(self, target: Target, call: Call[None, ChatBody]) -> int | None:
        """What the model takes, without room for its answer and for what else the request says."""
        takes = target.settings.context_tokens
        if takes is None:
            return None
        body = call.body
        answer = body.max_completion_tokens or body.max_tokens or target.settings.answer_tokens
        fields = _fields(call.raw_body)
        told = "".join(bytes(fields[name]).decode() for name in DESCRIBING if name in fields)
        tools = await self._contexts.tools()
        return max(1, takes - answer - tools.count(told))


def _as_they_came(
    messages: Sequence[OpenAIMessage], added: Sequence[Entry], raw: Sequence[bytes]
) -> list[bytes]:
    """With the request's own bytes, where its messages are the last ones as they were sent."""
    start = len(messages) - len(added)
    tail = messages[max(start, 0) :]
    same = len(tail) == len(added) and all(map(_is_of, tail, added))
    rendered = [_encode(message) for message in (messages[:start] if same else messages)]
    return [*rendered, *raw] if same else rendered


def _is_of(message: OpenAIMessage, entry: Entry) -> bool:
    answers = entry.tool_call_id if entry.tool_call_id is not None else msgspec.UNSET
    return (message.role, message.content, message.tool_call_id) == (
        entry.role,
        entry.content,
        answers,
    )
