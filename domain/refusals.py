"""Why a command was refused.

Refusal
├── ConversationNotFound     no conversation of that id in the workspace
├── ConversationExists       the id is in use
├── ConversationIsDeleted    only delete and restore are allowed
├── ConversationIsFull       a limit of the format was reached
├── MessageNotFound          no message of that id, or it was retracted
├── MessageExists            the id is in use for another content
├── BatchPartlyStored        some messages of a repeated batch are there, others are new
├── UnmatchedToolCall        a tool message answers no open call
├── TooMuchMetadata          more pairs than a conversation may have
├── ContextBudgetTooSmall    what must stay in a context costs more
└── CompactionOvertaken      the messages changed while it was thought out

HTTP numbers live at the edge, where a test proves that every refusal has one. The docstring is the
message: it says what to do.
"""


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """The command was refused."""

    def __init__(self, param: str | None = None) -> None:
        super().__init__(" ".join((type(self).__doc__ or "").split()))
        self.param = param
        """The JSON path of the value that caused the refusal, where there is one."""


class ConversationNotFound(Refusal):
    """There is no such conversation; create it first, or check the id and the workspace of the key."""


class ConversationExists(Refusal):
    """A conversation with this id exists; choose another id, or append to the existing one."""


class ConversationIsDeleted(Refusal):
    """The conversation is deleted; restore it before you write to it."""


class ConversationIsFull(Refusal):
    """The conversation has reached its limit of messages; go on in a new conversation."""


class MessageNotFound(Refusal):
    """There is no such message in this conversation; check the id."""


class MessageExists(Refusal):
    """A message with this id and another content exists, comes before in this request, or was retracted; choose another id."""


class BatchPartlyStored(Refusal):
    """Only some messages of this batch are stored already, and this one is not; send those that are not by themselves."""


class UnmatchedToolCall(Refusal):
    """A tool message must answer a tool call of an earlier assistant message that has no answer yet; check `tool_call_id`."""


class TooMuchMetadata(Refusal):
    """A conversation may have at most 16 metadata pairs; remove some (a null removes a key)."""


class ContextBudgetTooSmall(Refusal):
    """What must stay in the context costs more than this; allow more tokens, or unpin messages."""

    def __init__(self, param: str | None = None, *, needed: int = 0) -> None:
        super().__init__(param)
        self.args = (f"{self.args[0][:-1]}: at least {needed} are needed.",)
        self.needed = needed


class CompactionOvertaken(Refusal):
    """The conversation's messages changed while its compaction was thought out; ask again."""
