"""A search, step by step: what is known of its words, then candidates where it matches too much, then the order."""

from collections.abc import Awaitable
from typing import Any, Protocol

import msgspec

from eventstore.reader import Plans
from projections.queries import query
from projections.reading import Freshness
from projections.search.filters import SearchFilter
from projections.search.query import Query
from projections.search.ranking import Known, Ranking
from projections.search.statements import MOST, Candidate, Place, Statement, Statements
from projections.search.vectors import mark_of
from projections.search.weights import Weigher, beginnings


class Fetch(Protocol):
    """As `eventstore.reader.Connections.fetch`."""

    def __call__(
        self, statement: bytes, values: dict[str, Any] | list[Any], plans: Plans = "auto"
    ) -> Awaitable[list[Any]]: ...


FEW = 500
"""Conversations that may be scored whole: where filters leave no more, nothing is left out beforehand."""
SMALL = 1_000
"""Messages of a workspace up to which words are counted exactly."""
MOST_LONGER = 16
OF_WHICH_ONE_MATCHES = 5
"""Conversations, where every word is common."""


class Pinned(msgspec.Struct, frozen=True, array_like=True):
    """What later pages of an answer go by, whatever happens meanwhile."""

    ceiling: int
    messages: int
    length: int
    counted: int
    counts: list[tuple[int, int]]
    """Of the known ones among the query's lexemes, in order: number and count."""
    longer: list[tuple[str, int]]


class Terms(msgspec.Struct, frozen=True):
    """How far the read models are, and what they know."""

    freshness: Freshness
    known: Known


class Found(msgspec.Struct, frozen=True):
    """A conversation, and the sequences of its best messages."""

    id: str
    resource: bytes
    score: float
    place: Place
    best: list[int]


class Searching:
    """One search. `names` are the read models that it goes by."""

    def __init__(self, fetch: Fetch, workspace: str, wanted: SearchFilter, asked: Query) -> None:
        self._fetch = fetch
        self._workspace = workspace
        self._wanted = wanted
        self._asked = asked
        self._prefix = next((word.prefix for word in asked.words if word.prefix is not None), None)
        self._terms = sorted(asked.lexemes().union(beginnings(self._prefix or "")))

    def pinned(self, known: Known, ceiling: int) -> Pinned:
        """`known` as a cursor holds it."""
        counts = [(n, known.counts[t]) for n, t in enumerate(self._terms) if t in known.counts]
        longer = list(known.longer.items())
        return Pinned(ceiling, known.messages, known.length, known.counted, counts, longer)

    def known(self, pinned: Pinned) -> Known:
        """Back again."""
        counts = {self._terms[number]: count for number, count in pinned.counts}
        return Known(pinned.messages, pinned.length, pinned.counted, counts, dict(pinned.longer))

    def worth(self, known: Known) -> dict[str, float]:
        """What each lexeme that is looked for is worth to be seen."""
        ranking = Weigher(self._workspace, known).ranking(self._asked)
        return ranking.worth if ranking is not None else {}

    async def terms(self, names: list[str]) -> Terms:
        """Of now: on an answer's first page."""
        values = {
            "names": names,
            "workspace": self._workspace,
            "terms": self._terms,
            "prefix": self._prefix,
            "most": MOST_LONGER,
        }
        [row] = await self._fetch(query("search_known"), values, "force_generic_plan")
        checkpoint, pending, head, messages, sampled, length, terms, counts, longer, more = row
        known = Known(
            messages=messages,
            length=int(length),
            counted=sampled,
            counts=dict(zip(terms, counts, strict=True)),
            longer=dict(zip(longer, more, strict=True)),
        )
        return Terms(Freshness(checkpoint, pending, head), known)

    async def counted(self, known: Known) -> Known:
        """Exactly, where a sample says little."""
        if known.messages > SMALL:
            return known
        terms = [*known.counts, *known.longer]
        asked = [f"'{mark_of(self._workspace)}{term}'" for term in terms]
        values = {"workspace": self._workspace, "asked": asked}
        [row] = await self._fetch(query("search_counts"), values, "force_generic_plan")
        counts = dict(zip(terms, row[0], strict=True))
        return Known(
            messages=known.messages,
            length=known.length,
            counted=known.messages,
            counts={term: counts[term] for term in known.counts},
            longer={term: counts[term] for term in known.longer},
        )

    async def found(
        self, known: Known, ceiling: int, after: Place | None, limit: int
    ) -> list[Found]:
        """The page after a place."""
        ranking = Weigher(self._workspace, known).ranking(self._asked)
        if ranking is None:
            return []
        statements = Statements(self._workspace, self._wanted, ranking, known, ceiling)
        rows = await self._rows(await self._answer(statements, ranking, after, limit))
        return [
            Found(name, resource, float(score), Place(float(score), place, name), best or [])
            for name, resource, score, place, best in rows
        ]

    async def _answer(
        self, statements: Statements, ranking: Ranking, after: Place | None, limit: int
    ) -> Statement:
        wanted = self._wanted
        if ranking.is_complete or wanted.search_in == "title":
            return statements.rank_all(after, limit)
        if wanted.is_narrow:
            passing = await self._rows(statements.newest())
            if len(passing) <= FEW:
                return statements.rank_within(passing, after, limit)
        else:
            passing = []
        if wanted.sort_by != "relevance":
            walked = await self._rows(statements.walk(after, limit))
            return statements.rank_within(walked, after, limit)
        newest = not (ranking.drivers or ranking.together) or wanted.narrows_messages
        candidates = await self._rows(statements.candidates(newest=newest))
        if (
            len(candidates) < limit and not newest
        ):  # too few have a rare word: those with a common one follow
            candidates = await self._rows(statements.candidates(newest=True))
        if len(candidates) < limit or newest:
            candidates += _more(passing, {name for name, _, _ in candidates})
        return statements.rank_within(candidates, after, limit)

    async def _rows(self, statement: Statement) -> list[Any]:
        return await self._fetch(statement.text, statement.values, statement.plans)


def _more(passing: list[Candidate], known: set[str]) -> list[Candidate]:
    """Of those that pass the filters, so many that some will match where a hundred are not known yet."""
    unknown = [one for one in passing if one[0] not in known]
    return unknown[: OF_WHICH_ONE_MATCHES * max(0, MOST - len(known))]
