"""What can happen to a conversation, as facts in the past tense.

`NAME` and `SCHEMA` reflect the stored format: version them with care. A new field with a default
is no new schema; anything else is `SCHEMA + 1` and one hop in `upcasts`. Values whose shape is the
caller's (content, tool calls, `extra`) are kept as the JSON text they came in, so that they go out
again untouched.
"""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Literal

import msgspec

from domain.policy import CompactionPolicy, Strategy
from domain.roles import Role
from domain.summaries import Passage, Piece, Range, Summarizer, Trigger

Source = Literal["api", "widget", "playground"]

NULL = msgspec.Raw(b"null")
"""The JSON text of an absent caller-shaped value."""


class ConversationStarted(msgspec.Struct, frozen=True, omit_defaults=True):
    NAME: ClassVar[str] = "ConversationStarted"
    SCHEMA: ClassVar[int] = 1

    source: Source
    compaction: CompactionPolicy
    created_at: datetime
    """When the conversation began: the caller's own time for an import."""
    assistant_id: str | None = None
    user_id: str | None = None
    title: str | None = None
    metadata: dict[str, str] = {}


class ConversationRetitled(msgspec.Struct, frozen=True, omit_defaults=True):
    NAME: ClassVar[str] = "ConversationRetitled"
    SCHEMA: ClassVar[int] = 1

    title: str | None


class ConversationReassigned(msgspec.Struct, frozen=True, omit_defaults=True):
    """Both holders as they stand afterwards, the unchanged one too."""

    NAME: ClassVar[str] = "ConversationReassigned"
    SCHEMA: ClassVar[int] = 1

    assistant_id: str | None
    user_id: str | None


class MetadataChanged(msgspec.Struct, frozen=True, omit_defaults=True):
    NAME: ClassVar[str] = "MetadataChanged"
    SCHEMA: ClassVar[int] = 1

    set: dict[str, str] = {}
    removed: tuple[str, ...] = ()


class CompactionPolicyChanged(msgspec.Struct, frozen=True, omit_defaults=True):
    NAME: ClassVar[str] = "CompactionPolicyChanged"
    SCHEMA: ClassVar[int] = 1

    compaction: CompactionPolicy


class ConversationArchived(msgspec.Struct, frozen=True, omit_defaults=True):
    NAME: ClassVar[str] = "ConversationArchived"
    SCHEMA: ClassVar[int] = 1


class ConversationUnarchived(msgspec.Struct, frozen=True, omit_defaults=True):
    NAME: ClassVar[str] = "ConversationUnarchived"
    SCHEMA: ClassVar[int] = 1


class ConversationDeleted(msgspec.Struct, frozen=True, omit_defaults=True):
    NAME: ClassVar[str] = "ConversationDeleted"
    SCHEMA: ClassVar[int] = 1


class ConversationRestored(msgspec.Struct, frozen=True, omit_defaults=True):
    """The conversation stands again as it stood before it was deleted: active or archived."""

    NAME: ClassVar[str] = "ConversationRestored"
    SCHEMA: ClassVar[int] = 1


class MessageAppended(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    NAME: ClassVar[str] = "MessageAppended"
    SCHEMA: ClassVar[int] = 1

    message_id: str
    sequence: int
    """1, 2, 3 … in the conversation; a retracted message keeps its number."""
    role: Role
    content: msgspec.Raw
    """JSON: a string, an array of parts, or null (only with tool calls)."""
    input_tokens: int
    output_tokens: int
    token_count: int
    """What the message costs in a context, counted by `tokenizer`."""
    tokenizer: str
    created_at: datetime
    context_tokens: int
    """What the conversation's context costs after this message."""
    trigger_tokens: int
    """The policy's threshold then, so that a worker need not fold the stream."""
    kind: str = "message"
    tool_calls: msgspec.Raw = NULL
    """JSON: an array of calls, or null."""
    tool_call_id: str | None = None
    name: str | None = None
    model: str | None = None
    finish_reason: str | None = None
    extra: msgspec.Raw = NULL
    """JSON: an opaque object, or null."""
    incomplete: str | None = None
    """Why the message was cut off, or None."""
    cost_cents: Decimal | None = None
    metadata: dict[str, str] = {}


class MessageRetracted(msgspec.Struct, frozen=True, omit_defaults=True):
    NAME: ClassVar[str] = "MessageRetracted"
    SCHEMA: ClassVar[int] = 1

    message_id: str
    sequence: int
    token_count: int
    """What leaves the context with it, so that a fold need not look the message up: its group's share included."""
    reopens: dict[str, tuple[int, ...]] = {}
    """Calls that wait for an answer again, for this was theirs: by id, the sequences of the messages that made them."""
    closes: dict[str, tuple[int, ...]] = {}
    """Calls that wait no more: an id was used twice, and the answer to the message that left is now theirs."""


class MessagePinned(msgspec.Struct, frozen=True, omit_defaults=True):
    NAME: ClassVar[str] = "MessagePinned"
    SCHEMA: ClassVar[int] = 1

    message_id: str
    sequence: int
    returned: tuple[int, ...] = ()
    """The compacted messages that come back into the context by this pin: itself and its group."""
    context_tokens: int | None = None
    """What the context costs afterwards, where the pin changes that."""


class MessageUnpinned(msgspec.Struct, frozen=True, omit_defaults=True):
    NAME: ClassVar[str] = "MessageUnpinned"
    SCHEMA: ClassVar[int] = 1

    message_id: str
    sequence: int
    context_tokens: int | None = None
    """What the context costs afterwards, where that changes: what the pin had brought back leaves again."""


class ConversationCompacted(msgspec.Struct, frozen=True, omit_defaults=True):
    """Nothing is removed: the context got shorter. Tokens are those of the whole context, by `tokenizer`."""

    NAME: ClassVar[str] = "ConversationCompacted"
    SCHEMA: ClassVar[int] = 1

    compaction_id: str
    strategy: Strategy
    keep_recent: int
    target_tokens: int | None
    """As it was asked for; None means half."""
    trigger: Trigger
    watermark: int
    """The last sequence considered: what came later is in the context as it is."""
    compacted: tuple[Range, ...]
    """The messages that left the context now."""
    tokens_before: int
    tokens_after: int
    tokenizer: str
    engine: str
    """What decided, and in which version."""
    summary_id: str | None = None
    """None where the messages left without a summary."""
    pieces: tuple[Piece, ...] = ()
    passages: tuple[Passage, ...] = ()
    summarized: int = 0
    """How many messages the summary stands for."""
    first_sequence: int = 0
    last_sequence: int = 0
    """The first and the last of those."""
    superseded: tuple[str, ...] = ()
    """Summaries that this one takes the place of."""
    summarizer: Summarizer | None = None
    instructions: str | None = None
    """The caller's, for a model."""
    told: tuple[Range, ...] = ()
    """The messages that the summary stands for."""


Event = (
    ConversationStarted
    | ConversationRetitled
    | ConversationReassigned
    | MetadataChanged
    | CompactionPolicyChanged
    | ConversationArchived
    | ConversationUnarchived
    | ConversationDeleted
    | ConversationRestored
    | MessageAppended
    | MessageRetracted
    | MessagePinned
    | MessageUnpinned
    | ConversationCompacted
)
"""Every event there is: the registry is closed, and a fold without a rule for one does not type."""
