"""What is searched: the filters of a search, and what a conversation and its messages must fulfil for them."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from domain.events import Role
from projections.listing import ListFilter, Order, SortBy, list_conditions

SearchSortBy = Literal["relevance"] | SortBy
SearchIn = Literal["all", "title", "messages"]


class SearchFilter(msgspec.Struct, frozen=True):
    """What is searched; None filters nothing."""

    conversations: ListFilter
    search_in: SearchIn = "all"
    role: Role | None = None
    min_messages: int | None = None
    max_messages: int | None = None
    min_tokens: int | None = None
    max_tokens: int | None = None
    has_pinned: bool | None = None
    message_after: datetime | None = None
    message_before: datetime | None = None
    sort_by: SearchSortBy = "relevance"
    order: Order = "desc"

    @property
    def is_narrow(self) -> bool:
        """Whether it may leave few conversations."""
        anything = msgspec.structs.replace(self.conversations, statuses=())
        more = (
            self.min_messages,
            self.max_messages,
            self.min_tokens,
            self.max_tokens,
            self.has_pinned,
        )
        return anything != ListFilter(statuses=()) or any(value is not None for value in more)

    @property
    def narrows_messages(self) -> bool:
        return (self.role, self.message_after, self.message_before) != (None, None, None)


_TOKENS = (
    "(SELECT k.tokens FROM readmodels.search_conversations_v1 k"
    " WHERE k.workspace = c.workspace AND k.id = c.id)"
)
_CONVERSATION = {
    "min_messages": "message_count >= %(min_messages)s",
    "max_messages": "message_count <= %(max_messages)s",
    "min_tokens": f"{_TOKENS} >= %(min_tokens)s",
    "max_tokens": f"{_TOKENS} <= %(max_tokens)s",
}
_PINNED = "EXISTS (SELECT FROM readmodels.messages_v1 p WHERE p.workspace = c.workspace AND p.conversation = c.id AND p.is_pinned)"
_MESSAGE = {
    "role": "{m}.role = %(role)s",
    "message_after": "{m}.created_at > %(message_after)s",
    "message_before": "{m}.created_at < %(message_before)s",
}


class Conditions(msgspec.Struct, frozen=True):
    """What a conversation `c` must fulfil, what a message `{m}` must, by name, and the values in both."""

    conversations: list[str]
    messages: dict[str, str]
    values: dict[str, Any]


def search_conditions(workspace: str, wanted: SearchFilter) -> Conditions:
    conversations, values = list_conditions(workspace, wanted.conversations)
    for name, condition in _CONVERSATION.items():
        if (value := getattr(wanted, name)) is not None:
            conversations.append(condition)
            values[name] = value
    if wanted.has_pinned is not None:
        conversations.append(_PINNED if wanted.has_pinned else f"NOT {_PINNED}")
    messages = {name: text for name, text in _MESSAGE.items() if getattr(wanted, name) is not None}
    values |= {name: getattr(wanted, name) for name in messages}
    if wanted.search_in == "title" and messages:
        within = " AND ".join(text.format(m="o") for text in messages.values())
        conversations.append(
            "EXISTS (SELECT FROM readmodels.search_messages_v1 o WHERE o.workspace = c.workspace"
            f" AND o.conversation = c.id AND {within})"
        )
    return Conditions(conversations, messages, values)
