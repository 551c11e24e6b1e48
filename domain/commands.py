"""What a client can ask of a conversation. Time, ids and token counts have arrived already."""

from datetime import datetime
from decimal import Decimal

import msgspec

from domain.calls import OpenCalls
from domain.events import NULL, ConversationCompacted, Role, Source
from domain.policy import CompactionPolicy, Strategy


class NewMessage(msgspec.Struct, frozen=True):
    """A message to append: checked in shape, counted, named."""

    message_id: str
    role: Role
    content: msgspec.Raw
    input_tokens: int
    output_tokens: int
    token_count: int
    tokenizer: str
    created_at: datetime
    kind: str = "message"
    tool_calls: msgspec.Raw = NULL
    tool_call_id: str | None = None
    name: str | None = None
    model: str | None = None
    finish_reason: str | None = None
    extra: msgspec.Raw = NULL
    incomplete: str | None = None
    cost_cents: Decimal | None = None
    metadata: dict[str, str] = {}


class StartConversation(msgspec.Struct, frozen=True):
    source: Source
    compaction: CompactionPolicy
    created_at: datetime
    assistant_id: str | None = None
    user_id: str | None = None
    title: str | None = None
    metadata: dict[str, str] = {}
    messages: tuple[NewMessage, ...] = ()


class AppendMessages(msgspec.Struct, frozen=True):
    """All or none, contiguous."""

    messages: tuple[NewMessage, ...]
    in_list: bool = True
    """Whether the caller sent a list: a refusal then names the message by its place in it."""


class PolicyPatch(msgspec.Struct, frozen=True):
    """UNSET leaves a field as it is."""

    strategy: Strategy | msgspec.UnsetType = msgspec.UNSET
    trigger_tokens: int | msgspec.UnsetType = msgspec.UNSET
    keep_recent: int | msgspec.UnsetType = msgspec.UNSET
    target_tokens: int | msgspec.UnsetType | None = msgspec.UNSET


class UpdateConversation(msgspec.Struct, frozen=True):
    """UNSET leaves a field as it is; None clears it; a None in `metadata` removes that key."""

    title: str | msgspec.UnsetType | None = msgspec.UNSET
    archived: bool | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, str | None] | msgspec.UnsetType = msgspec.UNSET
    whole_metadata: bool = False
    """Whether `metadata` is all there is to be, not a change of what there is."""
    assistant_id: str | msgspec.UnsetType | None = msgspec.UNSET
    user_id: str | msgspec.UnsetType | None = msgspec.UNSET
    compaction: PolicyPatch | msgspec.UnsetType = msgspec.UNSET


class DeleteConversation(msgspec.Struct, frozen=True):
    """Soft: the log keeps everything."""


class RestoreConversation(msgspec.Struct, frozen=True):
    pass


class PinMessage(msgspec.Struct, frozen=True):
    message_id: str
    sequence: int
    """Looked up in the log by the message's id: the state keeps no set of all ids."""
    returned: tuple[int, ...] = ()
    """Of a compacted message: itself and its group, which come back."""
    more_tokens: int | None = None
    """What the context costs more then; None where the pin changes nothing."""
    thought_at: int = 0
    """The version at which that was worked out."""


class UnpinMessage(msgspec.Struct, frozen=True):
    message_id: str
    sequence: int
    more_tokens: int | None = None
    """As for a pin: negative, where what it had brought back leaves again."""
    thought_at: int = 0


class RetractMessage(msgspec.Struct, frozen=True):
    message_id: str
    sequence: int
    token_count: int
    """What the context costs less then; the repairs of its own open calls are the state's to count."""
    thought_at: int | None = None
    """The version at which that was worked out on the messages themselves; None where it is the message's own cost."""
    reopens: OpenCalls = {}
    closes: OpenCalls = {}
    """As in the event."""


class CompactConversation(msgspec.Struct, frozen=True):
    """A compaction that was thought out: only its place in the log is left to decide."""

    compacted: ConversationCompacted
    """Its tokens are those of the version it was thought out at."""
    thought_at: int
    """That version."""


Command = (
    StartConversation
    | AppendMessages
    | UpdateConversation
    | DeleteConversation
    | RestoreConversation
    | PinMessage
    | UnpinMessage
    | RetractMessage
    | CompactConversation
)
