"""When a conversation is to be compacted: by itself, and whether asking again can change anything."""

from domain.compaction.strategies import Wanted
from domain.policy import CompactionPolicy
from domain.state import ConversationState

PROGRESS = 10
"""The automatic kind wants to save at least a tenth of the context."""
REGROWTH = 4
"""After no progress, or where what must stay is beyond the trigger, it waits for a quarter of the trigger."""


def threshold(state: ConversationState) -> int:
    """The tokens from which on a conversation is due; what cannot get below its trigger is not tried at every message."""
    trigger = state.compaction.trigger_tokens
    if state.compacted is None:
        return trigger
    return max(trigger, state.compacted.tokens_after + trigger // REGROWTH)


def is_due(
    state: ConversationState, fruitless_at: int | None = None, *, anew: bool = False
) -> bool:
    """`fruitless_at`: what the context cost when the last attempt made no progress.

    `anew`: what earlier ones came to says nothing. Messages came while the last compaction was thought out, or the
    policy is another.
    """
    if state.compaction.strategy == "none" or state.deleted_at is not None:
        return False
    least = state.compaction.trigger_tokens if anew else threshold(state)
    if fruitless_at is not None and not anew:
        least = max(least, fruitless_at + state.compaction.trigger_tokens // REGROWTH)
    return state.context_tokens >= least


def is_progress(tokens_before: int, tokens_saved: int) -> bool:
    return tokens_saved * PROGRESS >= tokens_before


def is_settled(state: ConversationState, wanted: Wanted) -> bool:
    """Nothing happened since the last compaction of this kind: half of the half is not what was asked for."""
    last = state.compacted
    return (
        last is not None
        and wanted.target_tokens is None
        and last.target_tokens is None
        and (last.strategy, last.keep_recent) == (wanted.strategy, wanted.keep_recent)
        and last.watermark == state.last_sequence
        and last.version == state.reshaped
    )


def wanted_by(policy: CompactionPolicy) -> Wanted:
    return Wanted(policy.strategy, policy.keep_recent, policy.target_tokens, policy.trigger_tokens)
