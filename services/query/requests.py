"""The query strings of reads."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from domain.events import Role, Source
from projections.listing import Order, SortBy

Cursor = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
Filter = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Moment = Annotated[datetime, msgspec.Meta(tz=True, description="RFC 3339, with an offset.")]


class ListConversations(msgspec.Struct, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    cursor: Cursor | None = None
    assistant_id: Filter | None = None
    user_id: Filter | None = None
    status: Literal["active", "archived", "deleted", "all"] | None = None
    source: Source | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    updated_after: Moment | None = None
    updated_before: Moment | None = None
    metadata: dict[str, str] | None = None
    sort_by: SortBy = "last_message_at"
    order: Order = "desc"


class GetConversation(msgspec.Struct, forbid_unknown_fields=True):
    include_messages: bool = True
    message_limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    include_deleted: bool = False


class ListMessages(msgspec.Struct, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: Cursor | None = None
    order: Order = "asc"
    role: Role | None = None
    pinned: bool | None = None
    include_compacted: bool = True
