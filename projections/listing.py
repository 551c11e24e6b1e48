"""Lists of conversations: filters, orders and keyset pages over `conversations.v1`."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from eventstore.reader import Plans
from projections.list_ways import Ranged
from projections.reading import Freshness, ListRows

SortBy = Literal["last_message_at", "created_at", "updated_at", "message_count"]
Order = Literal["asc", "desc"]

COLUMNS: dict[str, tuple[str, str]] = {
    "last_message_at": ("active_at", "timestamptz"),
    "created_at": ("created_at", "timestamptz"),
    "updated_at": ("updated_at", "timestamptz"),
    "message_count": ("message_count", "bigint"),
}
"""What sorts by each, and its type."""


class ListFilter(msgspec.Struct, frozen=True):
    """What is listed; None filters nothing."""

    statuses: tuple[str, ...]
    assistant_id: str | None = None
    user_id: str | None = None
    source: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    metadata: dict[str, str] | None = None
    sort_by: SortBy = "last_message_at"
    order: Order = "desc"


_CONDITIONS = {
    "assistant_id": "assistant_id = %(assistant_id)s",
    "user_id": "user_id = %(user_id)s",
    "source": "source = %(source)s",
    "created_after": "created_at > %(created_after)s",
    "created_before": "created_at < %(created_before)s",
    "updated_after": "updated_at > %(updated_after)s",
    "updated_before": "updated_at < %(updated_before)s",
    "metadata": "metadata @> %(metadata)s::text::jsonb",
}

# The tail of the log behind the checkpoint, newest first: as long as the projection's lag. An order and a limit
# keep the planner on the index of positions whatever it believes about the filter.
_STATEMENT = """
WITH checkpoint AS MATERIALIZED (
    SELECT coalesce((SELECT position FROM readmodels.tracking WHERE name = 'conversations.v1'), 0) AS position
), {page}
SELECT c.position,
       (SELECT e.position FROM events e
         WHERE e.position > c.position AND starts_with(e.originator_id, %(workspace)s || ':')
         ORDER BY e.position DESC LIMIT 1),
       (SELECT position FROM head),
       ARRAY(SELECT resource FROM page ORDER BY place {order}, id {order}),
       ARRAY(SELECT place FROM page ORDER BY place {order}, id {order}),
       ARRAY(SELECT id FROM page ORDER BY place {order}, id {order})
  FROM checkpoint c
"""

_PAGE = """page AS (
    SELECT resource, {column} AS place, id FROM readmodels.conversations_v1
     WHERE {conditions}
     ORDER BY {column} {order}, id {order} LIMIT %(limit)s
)"""
_ENDS = ("after", "before")


def list_statement(
    workspace: str, wanted: ListFilter, after: tuple[Any, str] | None, limit: int
) -> tuple[bytes, dict[str, Any]]:
    """The statement and its values. `after` is the place of the last row seen."""
    column, kind = COLUMNS[wanted.sort_by]
    conditions, values = list_conditions(workspace, wanted)
    values["limit"] = limit
    beyond = "true"
    if after is not None:
        # The last page's end lies within the range: it says all that the range's own end says, which PostgreSQL would begin at.
        end = (
            f"{wanted.sort_by.removesuffix('_at')}_{'after' if wanted.order == 'asc' else 'before'}"
        )
        if getattr(wanted, end, None) is not None:
            conditions.remove(_CONDITIONS[end])
        sign = ">" if wanted.order == "asc" else "<"
        beyond = f"({{by}}, id) {sign} (%(after)s::{kind}, %(after_id)s)"
        values["after"], values["after_id"] = after
    ranged = _ranged(wanted, column)
    narrows = [] if ranged is None else _range(wanted, ranged)
    others = tuple(each for each in conditions if each not in narrows)
    if ranged is not None:
        page = Ranged(column, kind, wanted.order, ranged, tuple(narrows), others, beyond).ways()
    else:
        all_of_them = [*conditions, beyond.format(by=column)]
        page = _PAGE.format(column=column, order=wanted.order, conditions=" AND ".join(all_of_them))
    return _STATEMENT.format(page=page, order=wanted.order).encode(), values


def plans_of(wanted: ListFilter) -> Plans:
    """Of metadata it is how common the very pair is that tells the shortest way; for a user or a time the way is the same."""
    return "auto" if wanted.metadata is None else "force_custom_plan"


def _ranged(wanted: ListFilter, column: str) -> str | None:
    """The time that is asked for by a range, but not sorted by; None where one index does both, as each of a user's does."""
    if wanted.user_id is not None:
        return None
    times = ("created_at", "updated_at")
    return next((time for time in times if time != column and _range(wanted, time)), None)


def _range(wanted: ListFilter, column: str) -> list[str]:
    names = [f"{column.removesuffix('_at')}_{end}" for end in _ENDS]
    return [_CONDITIONS[name] for name in names if getattr(wanted, name) is not None]


def list_conditions(workspace: str, wanted: ListFilter) -> tuple[list[str], dict[str, Any]]:
    """What a conversation of `conversations.v1` must fulfil, and the values in it."""
    conditions = ["workspace = %(workspace)s", "status = ANY (%(statuses)s::text[])"]
    values: dict[str, Any] = {"workspace": workspace, "statuses": list(wanted.statuses)}
    for name, condition in _CONDITIONS.items():
        value = getattr(wanted, name)
        if value is not None:
            conditions.append(condition)
            values[name] = msgspec.json.encode(value).decode() if name == "metadata" else value
    return conditions, values


def list_rows(row: tuple[Any, ...]) -> ListRows:
    checkpoint, pending, head, resources, places, names = row
    return ListRows(
        Freshness(checkpoint, pending, head), resources, list(zip(places, names, strict=True))
    )
