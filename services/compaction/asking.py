"""What is asked of a compaction, and what came of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from domain.commands import CompactConversation
from domain.compaction.due import wanted_by
from domain.compaction.engine import ENGINE, Live, Thought
from domain.compaction.strategies import Wanted
from domain.events import ConversationCompacted
from domain.policy import CompactionPolicy, Strategy
from domain.state import ConversationState
from domain.summaries import Trigger


class Asked(msgspec.Struct, frozen=True):
    """What is left out is the conversation's policy's. UNSET and None differ for the target: None is half."""

    trigger: Trigger = "manual"
    strategy: Strategy | None = None
    keep_recent: int | None = None
    target_tokens: int | msgspec.UnsetType | None = msgspec.UNSET
    instructions: str | None = None
    since: int = 0
    """Of the automatic kind, a version: what a compaction before it came to says nothing. The policy is another since, or
    messages came meanwhile."""

    def anew(self, state: ConversationState) -> bool:
        """Whether what the last one came to says nothing."""
        return compacted_at(state) < self.since

    def wanted(self, policy: CompactionPolicy) -> Wanted:
        return wanted_with(policy, self.strategy, self.keep_recent, self.target_tokens)


def wanted_with(
    policy: CompactionPolicy,
    strategy: Strategy | None,
    keep_recent: int | None,
    target_tokens: int | msgspec.UnsetType | None,
) -> Wanted:
    wanted = wanted_by(policy)
    return msgspec.structs.replace(
        wanted,
        strategy=strategy or wanted.strategy,
        keep_recent=wanted.keep_recent if keep_recent is None else keep_recent,
        target_tokens=wanted.target_tokens if target_tokens is msgspec.UNSET else target_tokens,
    )


class Result(msgspec.Struct, frozen=True):
    """`event` is None where there was nothing to do."""

    state: ConversationState
    strategy: Strategy
    event: ConversationCompacted | None
    position: int
    """Of the event, or of the conversation's last one."""
    occurred_at: datetime
    """When it was appended."""
    overtaken: bool = False
    """Whether messages, or another policy, came while it was thought out."""


class Previewed(msgspec.Struct, frozen=True):
    """A compaction that was thought out only; None where there is nothing to do."""

    state: ConversationState
    wanted: Wanted
    live: Live
    thought: Thought | None


def compacted_at(state: ConversationState) -> int:
    """The version of the last compaction; 0 before the first."""
    return state.compacted.version if state.compacted is not None else 0


def nothing(asked: Asked, state: ConversationState) -> CompactConversation:
    """Decided, it makes no event: what has a key is noted all the same."""
    wanted = asked.wanted(state.compaction)
    event = ConversationCompacted(
        compaction_id="",
        strategy=wanted.strategy,
        keep_recent=wanted.keep_recent,
        target_tokens=wanted.target_tokens,
        trigger=asked.trigger,
        watermark=state.last_sequence,
        compacted=(),
        tokens_before=state.context_tokens,
        tokens_after=state.context_tokens,
        tokenizer="",
        engine=ENGINE,
    )
    return CompactConversation(event, state.version)


class Landed(msgspec.Struct, frozen=True):
    """A command that was appended, or changed nothing."""

    state: ConversationState
    events: Sequence[object]
    position: int
    occurred_at: datetime


class Append(Protocol):
    """Appends a thought compaction; None only notes that nothing was to be done.

    Raises domain.refusals.CompactionOvertaken where it is void, and what the log raises.
    """

    async def __call__(self, command: CompactConversation) -> Landed: ...
