"""What compact and preview answer."""

from datetime import datetime

import msgspec

from domain import resources as res
from domain.compaction.engine import EXTRACTS, Thought, tokens_of, turns_now
from domain.compaction.openai_shape import OpenAIMessage, openai_messages
from domain.compaction.summary_text import summary_body
from domain.compaction.tools import Tools
from domain.events import ConversationCompacted
from domain.policy import Strategy
from domain.ranges import size
from domain.summaries import Range, Summarizer
from services.compaction.asking import Previewed
from services.compaction.beside import are_long_messages, beside


class SequenceRange(msgspec.Struct, frozen=True):
    first_sequence: int
    last_sequence: int


class CompactedSummary(msgspec.Struct, frozen=True):
    """A Summary. In a preview `id` and `created_at` are null: only the log gives them."""

    id: str | None
    conversation_id: str
    strategy: Strategy
    content: str
    first_sequence: int
    last_sequence: int
    message_count: int
    tokens_before: int
    tokens_after: int
    summarizer: Summarizer
    created_at: datetime | None
    superseded: bool


class WouldBeContext(msgspec.Struct, frozen=True):
    messages: list[OpenAIMessage]
    """In OpenAI's shape."""
    token_count: int


class Compaction(msgspec.Struct, frozen=True, kw_only=True):
    """Where there was nothing to compact, all numbers are zero and there is no event. The last two: in a preview."""

    conversation_id: str
    messages_compacted: int = 0
    tokens_before: int = 0
    tokens_after: int = 0
    tokens_saved: int = 0
    compression_ratio: float = 0.0
    """`tokens_saved` / `tokens_before`."""
    preview_only: bool
    strategy: Strategy
    compaction_id: str | None = None
    summary: CompactedSummary | None = None
    compacted: list[SequenceRange] = []
    """The messages that left the context now."""
    estimated: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether a model would summarise: the preview asks none."""
    context: WouldBeContext | msgspec.UnsetType = msgspec.UNSET


class CompactionAnswer(msgspec.Struct):
    data: Compaction


class PreviewAnswer(msgspec.Struct):
    """One, or one a strategy where `strategies` asks for several."""

    data: Compaction | list[Compaction]


def nothing(conversation: str, strategy: Strategy) -> bytes:
    empty = Compaction(conversation_id=conversation, preview_only=False, strategy=strategy)
    return res.encode(empty)


def compaction(conversation: str, event: ConversationCompacted, occurred_at: datetime) -> bytes:
    return res.encode(
        Compaction(
            conversation_id=conversation,
            messages_compacted=size(event.compacted),
            tokens_before=event.tokens_before,
            tokens_after=event.tokens_after,
            tokens_saved=event.tokens_before - event.tokens_after,
            compression_ratio=_ratio(event.tokens_before, event.tokens_after),
            preview_only=False,
            strategy=event.strategy,
            compaction_id=event.compaction_id,
            summary=_summary(conversation, event, occurred_at),
            compacted=_ranges(event.compacted),
        )
    )


async def preview(
    conversation: str, previewed: Previewed, tools: Tools, *, estimated: bool
) -> bytes:
    is_long = are_long_messages(previewed.live.entries)
    return await beside(is_long, _preview, conversation, previewed, tools, estimated=estimated)


def _preview(conversation: str, previewed: Previewed, tools: Tools, *, estimated: bool) -> bytes:
    thought = previewed.thought
    turns = turns_now(previewed.live, tools) if thought is None else thought.turns(tools)
    context = WouldBeContext(openai_messages(turns), tokens_of(turns))
    strategy = previewed.wanted.strategy
    if thought is None:
        nothing = Compaction(
            conversation_id=conversation,
            preview_only=True,
            strategy=strategy,
            estimated=estimated,
            context=context,
        )
        return res.encode(nothing)
    return res.encode(
        Compaction(
            conversation_id=conversation,
            preview_only=True,
            messages_compacted=thought.messages,
            tokens_before=thought.tokens_before,
            tokens_after=thought.tokens_after,
            tokens_saved=thought.tokens_saved,
            compression_ratio=_ratio(thought.tokens_before, thought.tokens_after),
            strategy=strategy,
            summary=_previewed(conversation, thought, strategy),
            compacted=_ranges(thought.compacted),
            estimated=estimated,
            context=context,
        )
    )


def _summary(
    conversation: str, event: ConversationCompacted, occurred_at: datetime
) -> CompactedSummary | None:
    if event.summary_id is None:
        return None
    stored = res.summary_json(conversation, event, occurred_at)
    return msgspec.json.decode(res.with_superseded(stored, superseded=False), type=CompactedSummary)


def _previewed(conversation: str, thought: Thought, strategy: Strategy) -> CompactedSummary | None:
    if not thought.told:
        return None
    return CompactedSummary(
        id=None,
        conversation_id=conversation,
        strategy=strategy,
        content=summary_body(thought.told.pieces, thought.told.passages),
        first_sequence=thought.summarized[0].first,
        last_sequence=thought.summarized[-1].last,
        message_count=size(thought.summarized),
        tokens_before=thought.tokens_before,
        tokens_after=thought.tokens_after,
        summarizer=EXTRACTS,
        created_at=None,
        superseded=False,
    )


def _ratio(before: int, after: int) -> float:
    return round((before - after) / before, 6) if before else 0.0


def _ranges(ranges: tuple[Range, ...]) -> list[SequenceRange]:
    return [SequenceRange(run.first, run.last) for run in ranges]
