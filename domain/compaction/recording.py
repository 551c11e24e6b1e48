"""From a thought to the event that the log keeps."""

from domain.compaction.engine import ENGINE, EXTRACTS, Thought
from domain.compaction.strategies import Wanted
from domain.events import ConversationCompacted
from domain.ranges import size
from domain.state import ConversationState
from domain.summaries import Summarizer, Trigger


def compaction_event(
    thought: Thought,
    wanted: Wanted,
    state: ConversationState,
    compaction_id: str,
    summary_id: str,
    *,
    trigger: Trigger,
    tokenizer: str,
    summarizer: Summarizer = EXTRACTS,
    instructions: str | None = None,
) -> ConversationCompacted:
    told = bool(thought.told)
    return ConversationCompacted(
        compaction_id=compaction_id,
        strategy=wanted.strategy,
        keep_recent=wanted.keep_recent,
        target_tokens=wanted.target_tokens,
        trigger=trigger,
        watermark=state.last_sequence,
        compacted=thought.compacted,
        tokens_before=thought.tokens_before,
        tokens_after=thought.tokens_after,
        tokenizer=tokenizer,
        engine=ENGINE,
        summary_id=summary_id if told else None,
        pieces=thought.told.pieces,
        passages=thought.told.passages,
        summarized=size(thought.summarized),
        first_sequence=thought.summarized[0].first if thought.summarized else 0,
        last_sequence=thought.summarized[-1].last if thought.summarized else 0,
        superseded=thought.superseded,
        summarizer=summarizer if told else None,
        instructions=instructions,
        told=thought.summarized,
    )
