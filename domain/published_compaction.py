"""What a compaction says outside: the data of `conversation_compacted.v1`, by the rules of `published_events`."""

from typing import ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from domain import events as e
from domain import summaries
from domain.policy import Strategy


class Range(msgspec.Struct, frozen=True):
    first_sequence: int
    last_sequence: int


class Piece(msgspec.Struct, frozen=True):
    sequence: int
    role: e.Role
    start: int
    end: int
    text: str
    score: float


class Passage(msgspec.Struct, frozen=True):
    first_sequence: int
    last_sequence: int
    text: str
    model: str


class Summarizer(msgspec.Struct, frozen=True):
    name: str
    version: str
    model: str | None


class ConversationCompacted(msgspec.Struct, frozen=True):
    TYPE: ClassVar[str] = "conversation_compacted.v1"

    compaction_id: str
    strategy: Strategy
    keep_recent: int
    target_tokens: int | None
    trigger: summaries.Trigger
    watermark: int
    compacted: tuple[Range, ...]
    tokens_before: int
    tokens_after: int
    tokenizer: str
    engine: str
    summary_id: str | None
    summarized: int
    first_sequence: int
    last_sequence: int
    superseded: tuple[str, ...]
    summarizer: Summarizer | None
    told: tuple[Range, ...]
    pieces: tuple[Piece, ...] | UnsetType = UNSET
    passages: tuple[Passage, ...] | UnsetType = UNSET
    instructions: str | UnsetType | None = UNSET


def compacted(event: e.ConversationCompacted, *, content: bool) -> ConversationCompacted:
    by = event.summarizer
    return ConversationCompacted(
        compaction_id=event.compaction_id,
        strategy=event.strategy,
        keep_recent=event.keep_recent,
        target_tokens=event.target_tokens,
        trigger=event.trigger,
        watermark=event.watermark,
        compacted=_ranges(event.compacted),
        tokens_before=event.tokens_before,
        tokens_after=event.tokens_after,
        tokenizer=event.tokenizer,
        engine=event.engine,
        summary_id=event.summary_id,
        summarized=event.summarized,
        first_sequence=event.first_sequence,
        last_sequence=event.last_sequence,
        superseded=event.superseded,
        summarizer=by and Summarizer(by.name, by.version, by.model),
        told=_ranges(event.told),
        pieces=_pieces(event) if content else UNSET,
        passages=_passages(event) if content else UNSET,
        instructions=event.instructions if content else UNSET,
    )


def _ranges(ranges: tuple[summaries.Range, ...]) -> tuple[Range, ...]:
    return tuple(Range(run.first, run.last) for run in ranges)


def _pieces(event: e.ConversationCompacted) -> tuple[Piece, ...]:
    return tuple(Piece(p.sequence, p.role, p.start, p.end, p.text, p.score) for p in event.pieces)


def _passages(event: e.ConversationCompacted) -> tuple[Passage, ...]:
    return tuple(
        Passage(p.first_sequence, p.last_sequence, p.text, p.model) for p in event.passages
    )
