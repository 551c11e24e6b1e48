"""A weighed query and its filters as SQL: the files of `sql/search_*`, their places filled with fixed fragments."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from eventstore.reader import Plans
from projections.listing import COLUMNS, plans_of
from projections.queries import query
from projections.search.filters import SearchFilter, search_conditions
from projections.search.ranking import Known, Ranking
from projections.search.scoring import coverage_of, expressions_of, scoring_values


class Statement(msgspec.Struct, frozen=True):
    """The text, its values by number, and how it is planned."""

    text: bytes
    values: list[Any]
    plans: Plans


MOST = 100
"""Conversations that an order by relevance goes through."""
PROMISING = 5 * MOST
"""Of those that match, as many are scored with their neighbours."""

LONGEST = 3_000
"""Messages of a conversation up to which all are scored; of longer ones the newest, and those that made it a candidate."""
Candidate = tuple[str, bool, list[int] | None]
"""A conversation, whether it is longer, and then the sequences of the messages that made it one."""


class Place(msgspec.Struct, frozen=True):
    """A row's place in an answer's order."""

    score: float
    value: datetime | int
    id: str


_MATCHING_MESSAGE = (
    "EXISTS (SELECT FROM (SELECT * FROM readmodels.search_messages_v1 n WHERE n.workspace = c.workspace"
    " AND n.conversation = c.id OFFSET 0) m"  # a fence: conversations first, whatever the planner believes
    " WHERE m.words @@ %(gate)s::tsquery AND m.words @@ %(asked)s::tsquery AND m.position <= %(ceiling)s{conditions})"
)
_MATCHING_TITLE = (
    "EXISTS (SELECT FROM readmodels.search_conversations_v1 m WHERE m.workspace = c.workspace AND m.id = c.id"
    " AND m.words @@ %(asked)s::tsquery{conditions})"
)
_NAMED = re.compile(r"%\((\w+)\)s")
_SIGNS = {"asc": ">", "desc": "<"}
_NO_HITS = "SELECT NULL::text AS conversation, 0::bigint AS sequence, 0::float8 AS score, 0 AS mask WHERE false"
ANY_TITLE = " AND (m.workspace = %(workspace)s) IS TRUE"  # by no index, as in `search_hits`
_THESE = " AND m.workspace = %(workspace)s AND m.id = ANY (%(ids)s::text[])"
_NO_TITLES = "SELECT NULL::text AS conversation, 0::float8 AS score, 0 AS mask WHERE false"


class Statements:
    """Of one query in one workspace. `ceiling` is the position of the last event that counts."""

    def __init__(
        self, workspace: str, wanted: SearchFilter, ranking: Ranking, known: Known, ceiling: int
    ) -> None:
        self._wanted = wanted
        self._ranking = ranking
        filters = search_conditions(workspace, wanted)
        self._conversations = " AND ".join(filters.conversations)
        self._must = " AND m.words @@ %(must)s::tsquery" if ranking.must else ""
        self._messages = self._must + "".join(
            f" AND {text.format(m='m')}" for text in filters.messages.values()
        )
        self._range = "".join(
            f" AND {text.format(m='n')}"
            for name, text in filters.messages.items()
            if name != "role"
        )
        self._score = expressions_of(ranking)
        self._values = (
            filters.values
            | scoring_values(ranking, known.average)
            | {
                "drivers": ranking.drivers,
                "together": ranking.together,
                "asked": ranking.asked,
                "gate": ranking.gate,
                "must": ranking.must,
                "ceiling": ceiling,
            }
        )

    def rank_all(self, after: Place | None, limit: int) -> Statement:
        """The answer, where the drivers find all that matches, or where only titles are searched."""
        driver = "asked" if self._wanted.search_in == "title" else "drivers"
        return self._rank(self._hits("search_hits"), self._titles(driver=driver), after, limit)

    def rank_within(self, chosen: list[Candidate], after: Place | None, limit: int) -> Statement:
        """The answer, of these conversations."""
        titles = self._titles(_THESE, driver="asked")
        is_long = {name: is_long for name, is_long, _ in chosen}
        more: dict[str, Any] = {
            "ids": list(is_long),
            "brief": [name for name, long in is_long.items() if not long],
        }
        hits = self._hits("search_hits_within")
        if any(is_long.values()):
            far = [(name, sequence) for name, _, found in chosen for sequence in found or ()]
            hits += " UNION ALL " + self._hits("search_hits_long")
            hits += " UNION " + self._hits("search_hits_far")
            more["very_long"] = [name for name, long in is_long.items() if long]
            more["far"] = [name for name, _ in far]
            more["far_sequences"] = [sequence for _, sequence in far]
        return self._rank(hits, titles, after, limit, **more)

    def candidates(self, *, newest: bool) -> Statement:
        """Rows are candidates; `newest` looks through the newest messages, too."""
        driver = "drivers" if self._ranking.drivers else "together"
        sources = (
            [self._hits("search_hits", driver=driver)] if getattr(self._ranking, driver) else []
        )
        sources += [self._hits("search_hits_newest")] if newest else []
        titles = self._titles(driver="drivers" if self._ranking.drivers else "asked")
        return self._filled(
            "search_candidates", "force_generic_plan", hits=" UNION ".join(sources), titles=titles
        )

    def newest(self) -> Statement:
        """The conversations that pass the filters, as candidates: all, or the 501 that were active last."""
        return self._filled("search_newest", plans_of(self._wanted.conversations))

    def walk(self, after: Place | None, limit: int) -> Statement:
        """The next conversations that match, as candidates, in an order that is not by relevance."""
        column, kind = self._column
        sign = _SIGNS[self._wanted.order]
        matching: list[str] = []
        if self._wanted.search_in != "title":
            matching.append(_MATCHING_MESSAGE.format(conditions=self._messages))
        if self._with_titles:
            matching.append(_MATCHING_TITLE.format(conditions=self._must))
        return self._filled(
            "search_walk",
            plans_of(self._wanted.conversations),
            beyond=f"({column}, id) {sign} (%(after)s::{kind}, %(after_id)s)" if after else "true",
            matching=" OR ".join(matching),
            order=f"{column} {self._wanted.order}, id {self._wanted.order}",
            **_after(after),
            limit=limit,
        )

    def _rank(
        self, hits: str, titles: str, after: Place | None, limit: int, **values: Any
    ) -> Statement:
        column, kind = self._column
        wanted, sign = self._wanted, _SIGNS[self._wanted.order]
        by_score = wanted.sort_by == "relevance"
        places = ["score", "place", "id"] if by_score else ["place", "id"]
        named = {
            "score": "%(after_score)s::numeric",
            "place": f"%(after)s::{kind}",
            "id": "%(after_id)s",
        }
        beyond = f"({', '.join(places)}) {sign} ({', '.join(named[place] for place in places)})"
        return self._filled(
            "search_rank",
            "force_generic_plan",
            hits=hits,
            titles=titles,
            column=column,
            beyond=beyond if after else "true",
            order=", ".join(f"{place} {wanted.order}" for place in places),
            most=MOST if by_score else None,
            promising=PROMISING if by_score else None,
            ahead=PROMISING,
            limit=limit,
            **_after(after),
            **values,
        )

    @property
    def _column(self) -> tuple[str, str]:
        sort_by = self._wanted.sort_by
        return COLUMNS["last_message_at" if sort_by == "relevance" else sort_by]

    @property
    def _with_titles(self) -> bool:
        """A title alone is no match where it is messages that are asked for."""
        wanted = self._wanted
        return wanted.search_in == "title" or (
            wanted.search_in == "all" and not wanted.narrows_messages
        )

    def _hits(self, name: str, *, driver: str = "drivers") -> str:
        if self._wanted.search_in == "title":
            return _NO_HITS
        text = query(name).decode()
        return text.format(
            **self._score,
            conditions=self._messages,
            range=self._range,
            driver=driver,
            longest=LONGEST,
        )

    def _titles(self, which: str = ANY_TITLE, *, driver: str = "drivers") -> str:
        if not self._with_titles:
            return _NO_TITLES
        text = query("search_titles").decode()
        return text.format(**self._score, conditions=self._must + which, driver=driver)

    def _filled(self, name: str, plans: Plans, **parts: Any) -> Statement:
        """Parts that the file has no place for are values.

        Where scores are made, no value changes what is best done, and a plan is milliseconds' work.
        """
        text = query(name).decode()
        covered = coverage_of(self._ranking.words)
        filled = text.format(
            conditions=self._conversations, covered=covered, longest=LONGEST, **parts
        )
        numbered, names = _numbered(filled)
        values = self._values | parts
        return Statement(numbered, [values[each] for each in names], plans)


@lru_cache(512)
def _numbered(text: str) -> tuple[bytes, tuple[str, ...]]:
    """With `$1` for the first name and so on; psycopg would take such long texts apart each time."""
    names: dict[str, int] = {}
    numbered = _NAMED.sub(lambda name: f"${names.setdefault(name[1], len(names) + 1)}", text)
    return numbered.encode(), tuple(names)


def _after(after: Place | None) -> dict[str, Any]:
    if after is None:
        return {}
    return {"after_score": after.score, "after": after.value, "after_id": after.id}
