"""Bodies and query strings of OpenAI's Conversations API."""

from typing import Annotated, Literal

import msgspec

from services.command.requests import Pairs

MOST_ITEMS = 20

Item = Annotated[
    msgspec.Raw,
    msgspec.Meta(
        description="An item: a message, a call, an output, or one of any other kind, given back untouched.",
        extra_json_schema={"type": "object", "properties": {"type": {"type": "string"}}},
    ),
]


class NewConversation(msgspec.Struct, forbid_unknown_fields=True):
    items: Annotated[list[Item], msgspec.Meta(max_length=MOST_ITEMS)] | None = None
    metadata: Pairs | None = None


class ChangedConversation(msgspec.Struct, forbid_unknown_fields=True):
    """`metadata` is all there is to be; null leaves none."""

    metadata: Pairs | None


class NewItems(msgspec.Struct, forbid_unknown_fields=True):
    items: Annotated[list[Item], msgspec.Meta(min_length=1, max_length=MOST_ITEMS)]


class IncludeQuery(msgspec.Struct, forbid_unknown_fields=True):
    include: Annotated[
        list[str], msgspec.Meta(description="Taken and ignored: items are whole.")
    ] = []


class ListItems(IncludeQuery, forbid_unknown_fields=True):
    after: (
        Annotated[
            str,
            msgspec.Meta(min_length=1, max_length=80, description="The id of the last item seen."),
        ]
        | None
    ) = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    order: Literal["asc", "desc"] = "desc"
