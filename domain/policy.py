"""The compaction policy of a conversation: when it is compacted and how far."""

from typing import Literal

import msgspec

Strategy = Literal["none", "sliding_window", "summarization", "hybrid"]


class CompactionPolicy(msgspec.Struct, frozen=True):
    """`target_tokens` of None means half of the smaller of `trigger_tokens` and the tokens now."""

    strategy: Strategy = "hybrid"
    trigger_tokens: int = 16_000
    keep_recent: int = 20
    target_tokens: int | None = None
