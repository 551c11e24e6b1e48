"""Ways to a page of a list where the filter is a range of one time and the order is by something else.

PostgreSQL would choose one by guess: it believes that a conversation's age and its last activity have nothing to do with
each other. Here each way is tried in turn, in one statement; a way that is not taken is not run. Columns plus nothing keep
each way off the other's index.
"""

import msgspec

FEW = 2_000
"""Rows that are sorted at once."""
MANY = 50_000
"""Rows that are sorted where walking did not help."""
NEAR = 2_000
"""Rows walked before: two milliseconds; a filter that leaves one in a hundred fills a page by them."""
SHORT = 62
"""Days of which each is looked into, without walking first."""

_NOTHING = {"timestamptz": "interval '0'", "bigint": "0"}
"""Added to a column it hides it from its index."""
_DAY = "((created_at AT TIME ZONE 'UTC')::date)"
"""As it is indexed."""

_FEW = "few AS MATERIALIZED (SELECT ({count}) <= {few} AS few)"
_COUNT = (
    "SELECT count(*) FROM (SELECT FROM readmodels.conversations_v1"
    " WHERE workspace = %(workspace)s AND {narrows} LIMIT {most} + 1) AS found"
)
_NEAR = """
near AS MATERIALIZED (
    SELECT resource, {column} AS place, id
      FROM (SELECT * FROM readmodels.conversations_v1
             WHERE {walk} AND {ordered} ORDER BY {column} {order}, id {order} LIMIT {near}) AS c
     WHERE {filters} ORDER BY place {order}, id {order} LIMIT %(limit)s
), enough AS MATERIALIZED (
    SELECT CASE WHEN {walk} THEN count(*) >= %(limit)s OR NOT EXISTS (
               SELECT FROM readmodels.conversations_v1 WHERE {ordered} OFFSET {near}) ELSE false END AS enough
      FROM near
)"""
_ENDS = """
ends AS MATERIALIZED (
    SELECT (SELECT {day} FROM readmodels.conversations_v1 WHERE workspace = %(workspace)s AND {narrows}
             ORDER BY created_at LIMIT 1) AS first,
           (SELECT {day} FROM readmodels.conversations_v1 WHERE workspace = %(workspace)s AND {narrows}
             ORDER BY created_at DESC LIMIT 1) AS last
     WHERE NOT (SELECT few FROM few)
)"""
_OF_DAYS = """
of_days AS MATERIALIZED (
    -- Merged: of all days' first rows the first is taken, and its day's next one looked up.
    WITH RECURSIVE merged AS (
        SELECT 0 AS n, NULL::{kind} AS place, NULL::text COLLATE "C" AS id, h.*
          FROM (SELECT array_agg(d.day) AS days, array_agg(p.place) AS places, array_agg(p.id) AS ids
                  FROM (SELECT first + n AS day FROM ends, generate_series(0, last - first) AS n
                         WHERE NOT (SELECT enough FROM enough)) AS d,
                       LATERAL (SELECT {column} AS place, id FROM readmodels.conversations_v1
                                 WHERE {day} = d.day AND {filters} AND {beyond}
                                 ORDER BY {column} {order}, id {order} LIMIT 1) AS p) AS h
        UNION ALL
        SELECT n + 1, f.place, f.id, days, places[:f.at - 1] || p.place || places[f.at + 1:], ids[:f.at - 1] || p.id || ids[f.at + 1:]
          FROM merged,
               LATERAL (SELECT place, id COLLATE "C" AS id, at::int FROM unnest(places, ids) WITH ORDINALITY AS u (place, id, at)
                         WHERE u.place IS NOT NULL ORDER BY 1 {order}, 2 {order} LIMIT 1) AS f
               LEFT JOIN LATERAL (SELECT {column} AS place, id FROM readmodels.conversations_v1
                                   WHERE {day} = days[f.at] AND {filters} AND ({column}, id) {sign} (f.place, f.id)
                                   ORDER BY {column} {order}, id {order} LIMIT 1) AS p ON true
         WHERE n < %(limit)s
    )
    SELECT place, id FROM merged WHERE n > 0
)"""
_OF_NEAR = "(SELECT resource, place, id FROM near WHERE (SELECT enough FROM enough))"
_THESE = """(
    SELECT (SELECT resource FROM readmodels.conversations_v1 AS c WHERE c.workspace = %(workspace)s AND c.id = f.id), place, id
      FROM of_days AS f)"""
_MANY = """
many AS MATERIALIZED (
    SELECT CASE WHEN (SELECT few FROM few) OR (SELECT enough FROM enough) THEN false ELSE ({count}) <= {many} END AS many
)"""
_SORTED = """(
    SELECT (SELECT resource FROM readmodels.conversations_v1 AS c WHERE c.workspace = %(workspace)s AND c.id = f.id), place, id
      FROM (SELECT {column} AS place, id FROM readmodels.conversations_v1
             WHERE {when} AND {filters} AND {beyond} ORDER BY {by} {order}, id {order} LIMIT %(limit)s) AS f)"""
"""Without the resources, which would be most of what is sorted."""
_IS_FEW = "(SELECT few FROM few)"
_IS_ENOUGH = "(SELECT enough FROM enough)"
_IS_MANY = "(SELECT many FROM many)"
_IS_LONG = "(SELECT last - first > {short} FROM ends)"
_ROWS = """(
    SELECT resource, {column} AS place, id FROM readmodels.conversations_v1
     WHERE {when} AND {filters} AND {beyond} ORDER BY {by} {order}, id {order} LIMIT %(limit)s)"""


class Ranged(msgspec.Struct, frozen=True):
    """A list by a range. `narrows` are the range's conditions, on `ranged`; `others` all the rest."""

    column: str
    kind: str
    order: str
    ranged: str
    narrows: tuple[str, ...]
    others: tuple[str, ...]
    beyond: str
    """What comes after the last page; `{by}` stands for what is sorted by."""

    def ways(self) -> str:
        """Parts of a WITH, of which `page` is the page."""
        return self._by_days() if self.ranged == "created_at" else self._by_walking()

    def _by_days(self) -> str:
        """Each day of creation has an index in each order, so a page is among the first rows of the days.

        Where there are many days a page is looked for among the first rows of all before.
        """
        long = _IS_LONG.format(short=SHORT)
        page = [self._sorted(_IS_FEW), _OF_NEAR, _THESE]
        parts = [self._few(), self._filled(_ENDS), self._near(long), self._filled(_OF_DAYS)]
        return ", ".join([*parts, f"page AS ({' UNION ALL '.join(page)})"])

    def _by_walking(self) -> str:
        """Walk along the order for a while, or sort what the range leaves, or walk on."""
        on = f"NOT {_IS_FEW} AND NOT {_IS_ENOUGH} AND NOT {_IS_MANY}"
        hidden = [
            each.replace(self.ranged, self._hidden(self.ranged, "timestamptz"))
            for each in self.narrows
        ]
        walked = self._filled(_ROWS, when=on, by=self.column, filters=_all((*self.others, *hidden)))
        page = [self._sorted(f"({_IS_FEW} OR {_IS_MANY})"), _OF_NEAR, walked]
        many = self._filled(_MANY, count=self._count(MANY), many=MANY)
        parts = [self._few(), self._near(f"NOT {_IS_FEW}"), many]
        return ", ".join([*parts, f"page AS ({' UNION ALL '.join(page)})"])

    def _few(self) -> str:
        return self._filled(_FEW, count=self._count(FEW), few=FEW)

    def _count(self, most: int) -> str:
        return self._filled(_COUNT, most=most)

    def _near(self, walk: str) -> str:
        ordered = f"workspace = %(workspace)s AND {self.beyond.format(by=self.column)}"
        return self._filled(_NEAR, walk=walk, ordered=ordered, near=NEAR)

    def _sorted(self, when: str) -> str:
        return self._filled(_SORTED, when=when, by=self._hidden(self.column, self.kind))

    def _hidden(self, column: str, kind: str) -> str:
        return f"({column} + {_NOTHING[kind]})"

    def _filled(self, text: str, by: str = "", **parts: object) -> str:
        by = by or self.column
        given = {"filters": _all((*self.others, *self.narrows))} | parts
        return text.format(
            column=self.column,
            order=self.order,
            day=_DAY,
            kind=self.kind,
            sign=">" if self.order == "asc" else "<",
            narrows=_all(self.narrows),
            by=by,
            beyond=self.beyond.format(by=by),
            **given,
        )


def _all(conditions: tuple[str, ...]) -> str:
    return " AND ".join(conditions)
