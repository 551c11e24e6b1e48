"""Lists of conversations: filters, orders and keyset pages over `conversations.v1`."""

from datetime import datetime
from typing import Any, Literal

import msgspec

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
_NOTHING = {"timestamptz": "interval '0'", "bigint": "0"}
"""Added to a column it hides it from its index."""


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

_ROWS = """
    SELECT resource, {column} AS place, id FROM readmodels.conversations_v1
     WHERE {conditions}
     ORDER BY {by} {order}, id {order} LIMIT %(limit)s
"""

_PAGE = "page AS ({rows})"

# Ways to a page where one index narrows and another sorts: walk along the order for a while; where that neither fills the
# page nor comes to the end, sort what the filter leaves, if that is few; else walk on. The planner cannot know which is shorter (it believes that
# age and activity have nothing to do with each other). A way that is not taken is not run; columns plus nothing keep each
# way off the other's index.
_WAYS = """
near AS MATERIALIZED (
    SELECT resource, {column} AS place, id
      FROM (SELECT * FROM readmodels.conversations_v1
             WHERE {ordered} ORDER BY {column} {order}, id {order} LIMIT {near}) AS c
     WHERE {filters} ORDER BY place {order}, id {order} LIMIT %(limit)s
), enough AS MATERIALIZED (
    SELECT count(*) >= %(limit)s OR NOT EXISTS (
               SELECT FROM readmodels.conversations_v1 WHERE {ordered} OFFSET {near}) AS enough
      FROM near
), few AS MATERIALIZED (
    SELECT count(*) <= {few} AS few
      FROM (SELECT FROM readmodels.conversations_v1 WHERE workspace = %(workspace)s AND {narrows} LIMIT {few} + 1) AS found
), page AS (
    (SELECT resource, place, id FROM near WHERE (SELECT enough FROM enough))
    UNION ALL ({sorted}) UNION ALL ({walked})
)
"""
_NEAR = 2_000
"""Rows walked first: two milliseconds; a filter that leaves one in a hundred fills a page by them."""
_FEW = 50_000
"""More than this are not sorted."""
_RANGES = {"created": "created_at", "updated": "updated_at"}


def list_statement(
    workspace: str, wanted: ListFilter, after: tuple[Any, str] | None, limit: int
) -> tuple[bytes, dict[str, Any]]:
    """The statement and its values. `after` is the place of the last row seen."""
    column, kind = COLUMNS[wanted.sort_by]
    conditions, values = list_conditions(workspace, wanted)
    values["limit"] = limit
    beyond = "true"
    if after is not None:
        sign = ">" if wanted.order == "asc" else "<"
        beyond = f"({{by}}, id) {sign} (%(after)s::{kind}, %(after_id)s)"
        values["after"], values["after_id"] = after
    narrows, plainly = _narrowing(wanted, column)
    if narrows:
        page = _ways(wanted, conditions, beyond, narrows, plainly)
    else:
        page = _PAGE.format(rows=_rows(wanted, column, [*conditions, beyond.format(by=column)]))
    return _STATEMENT.format(page=page, order=wanted.order).encode(), values


def _rows(wanted: ListFilter, by: str, conditions: list[str]) -> str:
    return _ROWS.format(
        column=COLUMNS[wanted.sort_by][0],
        by=by,
        order=wanted.order,
        conditions=" AND ".join(conditions),
    )


def _ways(
    wanted: ListFilter, conditions: list[str], beyond: str, narrows: list[str], plainly: list[str]
) -> str:
    column, kind = COLUMNS[wanted.sort_by]
    unsorted = f"{column} + {_NOTHING[kind]}"
    further = ["NOT (SELECT enough FROM enough)"]
    others = [condition for condition in conditions if condition not in narrows]
    return _WAYS.format(
        column=column,
        order=wanted.order,
        near=_NEAR,
        few=_FEW,
        ordered=f"workspace = %(workspace)s AND {beyond.format(by=column)}",
        filters=" AND ".join(conditions),
        narrows=" AND ".join(narrows),
        sorted=_rows(
            wanted,
            unsorted,
            [*further, "(SELECT few FROM few)", *conditions, beyond.format(by=unsorted)],
        ),
        walked=_rows(
            wanted,
            column,
            [*further, "NOT (SELECT few FROM few)", *others, *plainly, beyond.format(by=column)],
        ),
    )


def _narrowing(wanted: ListFilter, column: str) -> tuple[list[str], list[str]]:
    """The conditions that an index of their own serves but not in this order, and the same hidden from indexes."""
    if wanted.user_id is not None:
        served = column == "active_at"
        return ([], []) if served else _hiding(["user_id"], "user_id", "(user_id || '')")
    for name, ranged in _RANGES.items():
        ends = [f"{name}_{end}" for end in ("after", "before")]
        given = [end for end in ends if getattr(wanted, end) is not None]
        if given and ranged != column:
            return _hiding(given, ranged, f"({ranged} + {_NOTHING['timestamptz']})")
    return [], []


def _hiding(names: list[str], column: str, hidden: str) -> tuple[list[str], list[str]]:
    narrows = [_CONDITIONS[name] for name in names]
    return narrows, [condition.replace(column, hidden, 1) for condition in narrows]


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
