"""Contexts ready for a model: what is live, made to fit a budget, in a vendor's shape."""

import asyncio
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, Literal, TypeVar

import msgspec

from domain.compaction.anthropic_shape import AnthropicContext, anthropic_context
from domain.compaction.counting import anthropic_tokens
from domain.compaction.due import wanted_by
from domain.compaction.engine import ENGINE, Live, shortened, tokens_of, turns_now
from domain.compaction.entries import Entry, groups_of, recounted
from domain.compaction.openai_shape import OpenAIMessage, openai_messages
from domain.compaction.strategies import Wanted
from domain.compaction.tools import Tools
from domain.compaction.turns import Turns
from domain.compaction.weights import Weights
from domain.policy import CompactionPolicy, Strategy
from domain.refusals import ContextBudgetTooSmall
from eventstore.reader import LogReader
from services.compaction.beside import are_long_messages, beside
from services.compaction.loading import Loader
from services.http.tokenizers import Tokenizers

MadeT = TypeVar("MadeT")
Format = Literal["openai", "anthropic"]

IN_LINE = 3_000
"""Tokens that are thought about on the event loop; more than that is left to a thread."""
ROUNDS = 6
"""How often a budget is lowered until another vendor's shape fits."""


class Omitted(msgspec.Struct, frozen=True):
    message_id: str
    reason: Literal["summarized", "dropped", "call_retracted"]


class Context(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    conversation_id: str
    version: int
    format: Format
    engine: str
    tokenizer: str
    estimated: bool
    """Whether the counts are estimates: the model's own tokenizer is not known."""
    messages: list[Any]
    system: list[Any] | msgspec.UnsetType = msgspec.UNSET
    token_count: int
    max_tokens: int | None
    summary_ids: list[str]
    included: list[str]
    """Ids of the messages that stand in it."""
    omitted: list[Omitted]
    """Live messages that do not."""
    sha256: str
    """Of `messages` as they are sent; of `system` and then `messages` where there is one."""


class Reading(msgspec.Struct, frozen=True):
    """What is asked of one read."""

    max_tokens: int | None = None
    model: str | None = None
    strategy: Strategy | None = None
    include_system: bool = True
    include_summary: bool = True
    format: Format = "openai"


class Contexts:
    """One a process."""

    def __init__(self, reader: LogReader, tokenizers: Tokenizers) -> None:
        self.loader = Loader(reader)
        self.tokenizers = tokenizers
        self._weights = Weights()

    async def tools(self, name: str | None = None) -> Tools:
        if self.tokenizers.has(name or self.tokenizers.default):
            return self.tokenizers.tools(name)
        return await asyncio.to_thread(self.tokenizers.tools, name)

    async def context(
        self, conversation: str, version: int, policy: CompactionPolicy, live: Live, asked: Reading
    ) -> bytes:
        """As JSON. Raises ContextBudgetTooSmall."""

        def made(own: Live, tools: Tools, known: bool) -> bytes:
            return self._made(conversation, version, policy, own, asked, tools, known=known)

        return await self._thought(live, asked, made)

    async def messages(
        self, policy: CompactionPolicy, live: Live, asked: Reading
    ) -> tuple[list[OpenAIMessage], int]:
        """As OpenAI's chat completions take them, and what they cost. Raises ContextBudgetTooSmall."""

        def made(own: Live, tools: Tools, known: bool) -> tuple[list[OpenAIMessage], int]:
            del known
            turns, _, cost = self._fitting(own, policy, asked, tools)
            return openai_messages(turns), cost

        return await self._thought(live, asked, made)

    async def _thought(
        self, live: Live, asked: Reading, made: Callable[[Live, Tools, bool], MadeT]
    ) -> MadeT:
        """What is made of it by the model's tokenizer; in a thread, where that takes long."""
        name, known = self.tokenizers.name_for(asked.model)
        tools = await self.tools(name)
        recounts = name != self.tokenizers.default

        def make() -> MadeT:
            own = live
            if recounts:
                own = _replaced(own, [recounted(entry, tools.count) for entry in own.entries])
            return made(own, tools, known)

        thinks = asked.max_tokens is not None or asked.strategy is not None
        counts = recounts or asked.format == "anthropic"  # for OpenAI's shape the counts are there
        heavy = (thinks or counts) and sum(entry.tokens for entry in live.entries) > IN_LINE
        return await beside(heavy or are_long_messages(live.entries), make)

    def _made(  # noqa: PLR0917 - all that a context depends on
        self,
        conversation: str,
        version: int,
        policy: CompactionPolicy,
        live: Live,
        asked: Reading,
        tools: Tools,
        *,
        known: bool,
    ) -> bytes:
        shown = live
        if not asked.include_system:
            shown = _replaced(shown, [e for e in shown.entries if not e.is_instruction])
        if not asked.include_summary:
            shown = msgspec.structs.replace(shown, told=None)
        turns, rendered, cost = self._fitting(shown, policy, asked, tools)
        messages, system = _bodies(rendered)
        hashed = sha256(
            b"".join(msgspec.json.encode(part) for part in (system, messages) if part is not None)
        )
        included = [entry.message_id for group in turns.groups() for entry in group.entries]
        context = Context(
            conversation_id=conversation,
            version=version,
            format=asked.format,
            engine=ENGINE,
            tokenizer=tools.tokenizer,
            estimated=not known or asked.format == "anthropic",
            messages=list(messages),
            system=msgspec.UNSET if system is None else list(system),
            token_count=cost,
            max_tokens=asked.max_tokens,
            summary_ids=[live.told.summary_id] if live.told and turns.summary else [],
            included=included,
            omitted=_omitted(shown, set(included), told=turns.summary is not None),
            sha256=hashed.hexdigest(),
        )
        return msgspec.json.encode(context)

    def _fitting(
        self, live: Live, policy: CompactionPolicy, asked: Reading, tools: Tools
    ) -> tuple[Turns, "Rendered", int]:
        """Another vendor's shape may cost more than what was planned: then the plan is made smaller."""
        budget = asked.max_tokens
        target, cost = budget, 0
        for _ in range(ROUNDS):
            turns = self._turns(live, policy, asked, target, tools)
            rendered, cost = _rendered(turns, asked.format, tools)
            if budget is None or cost <= budget or target is None:
                return turns, rendered, cost
            target -= cost - budget
            if target < 1:
                break
        raise ContextBudgetTooSmall("max_tokens", needed=cost)

    def _turns(
        self,
        live: Live,
        policy: CompactionPolicy,
        asked: Reading,
        target: int | None,
        tools: Tools,
    ) -> Turns:
        wanted = wanted_for(policy, asked.strategy, target)
        now = turns_now(live, tools)
        if asked.strategy is None and (target is None or tokens_of(now) <= target):
            return now
        if wanted.strategy == "hybrid" and target is None:
            return now
        turns = shortened(live, wanted, target, tools, self._weights)
        return turns if asked.include_summary else msgspec.structs.replace(turns, summary=None)


Rendered = list[OpenAIMessage] | AnthropicContext


def wanted_for(policy: CompactionPolicy, strategy: Strategy | None, target: int | None) -> Wanted:
    """For one read: its `max_tokens` is the target. A policy of `none` only turns the automatic kind off."""
    by = wanted_by(policy)
    chosen = strategy or ("hybrid" if policy.strategy == "none" else policy.strategy)
    return msgspec.structs.replace(by, strategy=chosen, target_tokens=target, asked_as="max_tokens")


def _rendered(turns: Turns, shape: Format, tools: Tools) -> tuple[Rendered, int]:
    if shape == "openai":
        return openai_messages(turns), tokens_of(turns)
    context = anthropic_context(turns)
    messages = [{"role": m.role, "content": m.content} for m in context.messages]
    return context, anthropic_tokens(tools.count, context.system, messages)


def _bodies(rendered: Rendered) -> tuple[Sequence[Any], Sequence[Any] | None]:
    if isinstance(rendered, AnthropicContext):
        return rendered.messages, rendered.system
    return rendered, None


def _omitted(live: Live, included: set[str], *, told: bool) -> list[Omitted]:
    orphans = {
        entry.message_id
        for group in groups_of(live.entries)
        if group.is_orphan
        for entry in group.entries
    }
    return [
        Omitted(
            entry.message_id,
            "call_retracted"
            if entry.message_id in orphans
            else "summarized"
            if told
            else "dropped",
        )
        for entry in live.entries
        if entry.message_id not in included
    ]


def _replaced(live: Live, entries: Sequence[Entry]) -> Live:
    return msgspec.structs.replace(live, entries=entries)
