"""A weighed query and its filters as SQL: the files of `sql/search_*`, their places filled with fixed fragments."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from domain.events import Role
from projections.listing import COLUMNS, ListFilter, Order, SortBy, list_conditions
from projections.queries import query
from projections.search.weights import Known, Ranking, Slot, Weighted

SearchSortBy = Literal["relevance"] | SortBy
SearchIn = Literal["all", "title", "messages"]
Statement = tuple[bytes, dict[str, Any]]
"""The text and its values."""

MOST = 100
"""Conversations that an order by relevance goes through."""
PROMISING = 5 * MOST
"""Of those that match, as many are scored with their neighbours."""
LENGTHS = 0.35
"""How far a message's length counts, from 0 to 1: BM25's b. Chat messages are short, and a long one may answer too."""
TITLE_WEIGHT = 1.5
TITLE_LENGTH = 5.0
"""Words of a usual title."""


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


class Place(msgspec.Struct, frozen=True):
    """A row's place in an answer's order."""

    score: float
    value: datetime | int
    id: str


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
_MATCHING_MESSAGE = (
    "EXISTS (SELECT FROM (SELECT * FROM readmodels.search_messages_v1 n WHERE n.workspace = c.workspace"
    " AND n.conversation = c.id OFFSET 0) m"  # a fence: conversations first, whatever the planner believes
    " WHERE m.words @@ %(asked)s::tsquery AND m.position <= %(ceiling)s{conditions})"
)
_MATCHING_TITLE = (
    "EXISTS (SELECT FROM readmodels.search_conversations_v1 m WHERE m.workspace = c.workspace AND m.id = c.id"
    " AND m.words @@ %(asked)s::tsquery{conditions})"
)
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
        conditions, values = list_conditions(workspace, wanted.conversations)
        for name, condition in _CONVERSATION.items():
            if (value := getattr(wanted, name)) is not None:
                conditions.append(condition)
                values[name] = value
        if wanted.has_pinned is not None:
            conditions.append(_PINNED if wanted.has_pinned else f"NOT {_PINNED}")
        within = {
            name: text for name, text in _MESSAGE.items() if getattr(wanted, name) is not None
        }
        values |= {name: getattr(wanted, name) for name in within}
        if wanted.search_in == "title" and within:
            messages = " AND ".join(text.format(m="o") for text in within.values())
            conditions.append(
                "EXISTS (SELECT FROM readmodels.search_messages_v1 o WHERE o.workspace = c.workspace"
                f" AND o.conversation = c.id AND {messages})"
            )
        self._conversations = " AND ".join(conditions)
        self._must = " AND m.words @@ %(must)s::tsquery" if ranking.must else ""
        self._messages = self._must + "".join(
            f" AND {text.format(m='m')}" for text in within.values()
        )
        self._range = "".join(
            f" AND {text.format(m='n')}" for name, text in within.items() if name != "role"
        )
        self._score = {
            "values": _values(ranking.words),
            "score": _score(ranking),
            "mask": _mask(ranking.words),
        }
        self._values = (
            values
            | _weights(ranking)
            | {
                "drivers": ranking.drivers,
                "asked": ranking.asked,
                "must": ranking.must,
                "ceiling": ceiling,
                "short": 1 - LENGTHS,
                "long": LENGTHS / known.average,
                "title_weight": TITLE_WEIGHT,
                "title_short": 1 - LENGTHS,
                "title_long": LENGTHS / TITLE_LENGTH,
            }
        )

    def rank_all(self, after: Place | None, limit: int) -> Statement:
        """The answer, where the drivers find all that matches, or where only titles are searched."""
        driver = "asked" if self._wanted.search_in == "title" else "drivers"
        return self._rank(self._hits("search_hits"), self._titles(driver=driver), after, limit)

    def rank_within(
        self, ids: list[str], far: list[tuple[str, int]], after: Place | None, limit: int
    ) -> Statement:
        """The answer, of these conversations. `far` are messages of very long ones."""
        titles = self._titles(_THESE, driver="asked")
        more = {
            "ids": ids,
            "far": [name for name, _ in far],
            "far_sequences": [sequence for _, sequence in far],
        }
        return self._rank(self._hits("search_hits_within"), titles, after, limit, **more)

    def candidates(self, *, newest: bool) -> Statement:
        """Ids, each with sequences of messages or None; `newest` looks through the newest messages, too."""
        sources = [self._hits("search_hits")] if self._ranking.drivers else []
        sources += [self._hits("search_hits_newest")] if newest else []
        driver = "drivers" if self._ranking.drivers else "asked"
        return self._filled(
            "search_candidates", hits=" UNION ".join(sources), titles=self._titles(driver=driver)
        )

    def newest(self) -> Statement:
        """Ids of conversations that pass the filters: all, or the 501 that were active last."""
        return self._filled("search_newest")

    def walk(self, after: Place | None, limit: int) -> Statement:
        """Ids of the next conversations that match, in an order that is not by relevance."""
        column, kind = self._column
        sign = _SIGNS[self._wanted.order]
        matching: list[str] = []
        if self._wanted.search_in != "title":
            matching.append(_MATCHING_MESSAGE.format(conditions=self._messages))
        if self._with_titles:
            matching.append(_MATCHING_TITLE.format(conditions=self._must))
        return self._filled(
            "search_walk",
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
            hits=hits,
            titles=titles,
            column=column,
            beyond=beyond if after else "true",
            order=", ".join(f"{place} {wanted.order}" for place in places),
            most=MOST if by_score else None,
            promising=PROMISING if by_score else None,
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

    def _hits(self, name: str) -> str:
        if self._wanted.search_in == "title":
            return _NO_HITS
        text = query(name).decode()
        return text.format(**self._score, conditions=self._messages, range=self._range)

    def _titles(self, which: str = ANY_TITLE, *, driver: str = "drivers") -> str:
        if not self._with_titles:
            return _NO_TITLES
        text = query("search_titles").decode()
        return text.format(**self._score, conditions=self._must + which, driver=driver)

    def _filled(self, name: str, **parts: Any) -> Statement:
        """Parts that the file has no place for are values."""
        text = query(name).decode()
        return text.format(
            conditions=self._conversations, covered=_covered(self._ranking.words), **parts
        ).encode(), self._values | parts


def _values(words: tuple[Weighted, ...]) -> str:
    """What each word is worth to a message: the best of its ways to be there, or 0."""
    return ", ".join(
        "greatest({}) AS v{}".format(
            ", ".join(_way(i, j, slot) for j, slot in enumerate(word.slots)), i
        )
        for i, word in enumerate(words)
    )


def _way(i: int, j: int, slot: Slot) -> str:
    if slot.ranked:
        return f"%(weight_{i}_{j})s * ts_rank(m.words, %(slot_{i}_{j})s::tsquery)"
    return f"CASE WHEN m.words @@ %(slot_{i}_{j})s::tsquery THEN %(weight_{i}_{j})s ELSE 0 END"


def _score(ranking: Ranking) -> str:
    """All values together, and what stands in a row; the less of the query is there, the less they count."""
    values = [f"m.v{i}" for i in range(len(ranking.words))]
    values += [
        f"CASE WHEN m.v{near.first} > 0 AND m.v{near.second} > 0 AND m.words @@ %(near_{n})s::tsquery"
        f" THEN %(near_weight_{n})s ELSE 0 END"
        for n, near in enumerate(ranking.near)
    ]
    there = [f"CASE WHEN m.v{i} > 0 THEN %(idf_{i})s ELSE 0 END" for i in range(len(ranking.words))]
    return f"({' + '.join(values)}) * sqrt({' + '.join(there)})"


def _mask(words: tuple[Weighted, ...]) -> str:
    """Which words are there, a bit each."""
    return " | ".join(f"CASE WHEN m.v{i} > 0 THEN {1 << i} ELSE 0 END" for i in range(len(words)))


def _covered(words: tuple[Weighted, ...]) -> str:
    """How much of the query that is, from 0 to 1."""
    return " + ".join(
        f"CASE WHEN mask & {1 << i} <> 0 THEN %(idf_{i})s ELSE 0 END" for i in range(len(words))
    )


def _weights(ranking: Ranking) -> dict[str, Any]:
    values: dict[str, Any] = {}
    total = sum(word.idf for word in ranking.words)
    for i, word in enumerate(ranking.words):
        values[f"idf_{i}"] = word.idf / total
        for j, slot in enumerate(word.slots):
            values |= {f"weight_{i}_{j}": slot.weight, f"slot_{i}_{j}": slot.asked}
    for n, near in enumerate(ranking.near):
        values |= {f"near_{n}": near.asked, f"near_weight_{n}": near.weight}
    return values


def _after(after: Place | None) -> dict[str, Any]:
    if after is None:
        return {}
    return {"after_score": after.score, "after": after.value, "after_id": after.id}
