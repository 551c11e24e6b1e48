"""The query strings of reads."""

from datetime import date
from typing import Annotated, Literal, get_args

import msgspec

from domain.events import Role, Source
from domain.policy import Strategy
from projections.listing import Order, SortBy
from projections.search.filters import SearchIn, SearchSortBy
from services.http.fields import PLAIN, Instructions, KeepRecent, Moment, Name, Pairs, TargetTokens

_NAMES = "|".join(get_args(Strategy))
Cursor = Annotated[
    str,
    msgspec.Meta(
        description="The `next_cursor` of the page before, of the same query.",
        extra_json_schema={"pattern": "^[A-Za-z0-9_-]+$"},
    ),
]
PreviewOnly = Annotated[
    bool,
    msgspec.Meta(description="True: a preview is nothing else.", extra_json_schema={"const": True}),
]
Amount = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class ConversationFilters(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the list and the search have in common."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    cursor: Cursor | None = None
    assistant_id: Name | None = None
    user_id: Name | None = None
    status: Literal["active", "archived", "deleted", "all"] | None = None
    source: Source | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    updated_after: Moment | None = None
    updated_before: Moment | None = None
    metadata: (
        Annotated[
            Pairs,
            msgspec.Meta(description="`metadata[key]=value`: all of these pairs."),
        ]
        | None
    ) = None
    order: Order = "desc"


class ListConversations(ConversationFilters, kw_only=True, forbid_unknown_fields=True):
    sort_by: SortBy = "last_message_at"


class SearchConversations(ConversationFilters, kw_only=True, forbid_unknown_fields=True):
    q: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=256,
            extra_json_schema=PLAIN,
            description="Words, any of which is looked for: the more of them, the better. A phrase in quotes must be"
            " there, one of several joined by `or`; `-word` must not. The last word may be the beginning of one.",
        ),
    ]
    search_in: SearchIn = "all"
    role: Annotated[Role, msgspec.Meta(description="Whose messages are searched.")] | None = None
    min_messages: Amount | None = None
    max_messages: Amount | None = None
    min_tokens: Amount | None = None
    max_tokens: Amount | None = None
    has_pinned: bool | None = None
    message_after: Moment | None = None
    message_before: Moment | None = None
    highlight: Annotated[
        bool, msgspec.Meta(description="Whether `ranges` tells where the words are in a snippet.")
    ] = True
    sort_by: SearchSortBy = "relevance"


class GetStats(msgspec.Struct, forbid_unknown_fields=True):
    start_date: date | None = None
    end_date: date | None = None
    timezone: Annotated[
        str, msgspec.Meta(min_length=1, max_length=64, description="A name of the IANA database.")
    ] = "UTC"
    assistant_id: Name | None = None
    user_id: Name | None = None
    source: Source | None = None


class GetExport(msgspec.Struct, forbid_unknown_fields=True):
    format: Literal["json", "jsonl", "markdown"] = "json"
    include_events: bool = False


class GetConversation(msgspec.Struct, forbid_unknown_fields=True):
    include_messages: bool = True
    message_limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    include_deleted: bool = False
    as_of: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1, max_length=64, description="A version, or a time with an offset."
            ),
        ]
        | None
    ) = None


class ListMessages(msgspec.Struct, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: Cursor | None = None
    order: Order = "asc"
    role: Role | None = None
    pinned: bool | None = None
    include_compacted: bool = True


class ListSummaries(msgspec.Struct, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: Cursor | None = None
    order: Order = "asc"


class GetContext(msgspec.Struct, forbid_unknown_fields=True):
    max_tokens: (
        Annotated[TargetTokens, msgspec.Meta(description="What the context may cost.")] | None
    ) = None
    model: (
        Annotated[Name, msgspec.Meta(description="Its tokenizer counts, where it is known.")] | None
    ) = None
    strategy: (
        Annotated[Strategy, msgspec.Meta(description="For this read only; `none`: everything.")]
        | None
    ) = None
    include_system: bool = True
    include_summary: bool = True
    format: Literal["openai", "anthropic"] = "openai"
    as_of: (
        Annotated[int, msgspec.Meta(ge=1, le=2**53, description="A version of the conversation.")]
        | None
    ) = None


class PreviewQuery(msgspec.Struct, forbid_unknown_fields=True):
    strategy: Strategy | None = None
    keep_recent: KeepRecent | None = None
    target_tokens: TargetTokens | None = None
    strategies: (
        Annotated[
            str,
            msgspec.Meta(
                description="Several strategies, separated by commas: one answer each.",
                extra_json_schema={"pattern": f"^({_NAMES})(,({_NAMES})){{0,3}}$"},
            ),
        ]
        | None
    ) = None
    instructions: Instructions | None = None
    preview_only: PreviewOnly = True


class PreviewRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out comes from the conversation's policy. A null target is half of the context, or of its trigger."""

    strategy: Strategy | None = None
    keep_recent: KeepRecent | None = None
    target_tokens: TargetTokens | msgspec.UnsetType | None = msgspec.UNSET
    instructions: Instructions | None = None
    strategies: (
        Annotated[
            list[Strategy],
            msgspec.Meta(min_length=1, max_length=4, description="Several: one answer each."),
        ]
        | None
    ) = None
    preview_only: PreviewOnly = True


class ListEvents(msgspec.Struct, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: Cursor | None = None
    from_version: Annotated[int, msgspec.Meta(ge=1, le=2**53)] = 1
