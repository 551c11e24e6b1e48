"""The search for conversations."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from domain import resources as res
from domain.events import Role
from projections.queries import query
from projections.search.filters import SearchFilter
from projections.search.query import parse
from projections.search.read_model import NAME
from projections.search.snippets import Snippet, snippet
from projections.search.statements import Place
from projections.search.texts import Shown, text_of
from projections.search.tokens import Tokens
from services.http import examples
from services.http.endpoint import Answer, Call, Endpoint, list_body
from services.query.conversation_routes import list_filter
from services.query.reads import NAMES, Reads, headers_of
from services.query.requests import SearchConversations
from services.query.searching import Found, Pinned, Searching, Terms

COST = 5
"""Of the rate limits: about what a search takes beside a read."""
ALL_NAMES = [*NAMES, NAME]
"""A search joins what a conversation's read shows: it waits for all."""

Range = Annotated[list[int], msgspec.Meta(min_length=2, max_length=2)]


class SearchMatch(msgspec.Struct, frozen=True):
    """A message that was found. `ranges` are offsets in `snippet`, in characters (Unicode code points): from, and up to."""

    message_id: str
    sequence: int
    role: Role
    snippet: str
    ranges: list[Range]
    truncated: bool
    """Whether the message is too long to be searched whole."""


class FoundConversation(res.Conversation, frozen=True):
    score: float
    matches: list[SearchMatch]
    """The best three, best first; none where it is the title that matches."""


class SearchAnswer(msgspec.Struct):
    data: list[FoundConversation]
    has_more: bool
    next_cursor: str | None


class After(msgspec.Struct, frozen=True, array_like=True):
    """Where the last page ended, and what it went by."""

    pinned: Pinned
    score: float
    value: datetime | int
    id: str


class SearchRoutes:
    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._tokens = Tokens()
        self._shown = query("search_shown")
        self._decode = msgspec.json.Decoder(Shown).decode

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                *("GET", "/v1/conversations/search", "read", self.search, "Search conversations"),
                answer=SearchAnswer,
                example_answer=examples.SEARCH,
                query=SearchConversations,
                cost=COST,
            ),
        ]

    async def search(self, call: Call[SearchConversations, None]) -> Answer:
        """Search conversations by the words of their messages and titles, the best first, then the newest.

        By relevance the pages end with the best 100 conversations. Archived ones are found, deleted ones only when asked
        for by `status`. With `role`, `message_after` or `message_before` it is such messages that must match. A query
        without any word, such as `?!` or `the of`, finds nothing.
        """
        asked = call.query
        wanted = search_filter(asked)
        bound = (asked.q, wanted)
        after: After | None = self._reads.place(call, bound, After)
        searching = Searching(
            self._reads.connections.fetch, call.workspace, wanted, parse(self._tokens, asked.q)
        )

        async def fetch() -> Terms:
            return await searching.terms(ALL_NAMES)

        terms = await self._reads.consistency.read(call, fetch)
        if after is None:
            known = await searching.counted(terms.known)
            pinned = searching.pinned(known, terms.freshness.checkpoint)
            place = None
        else:
            pinned, known = after.pinned, searching.known(after.pinned)
            place = Place(after.score, after.value, after.id)
        found = await searching.found(known, pinned.ceiling, place, asked.limit + 1)
        shown = found[: asked.limit]
        cursor = None
        if len(found) > asked.limit:
            last = shown[-1].place
            cursor = self._reads.cursor(call, bound, After(pinned, last.score, last.value, last.id))
        matches = await self._matches(call, shown, searching.worth(known))
        body = list_body([_with_matches(one, matches[one.id]) for one in shown], cursor)
        return Answer(body, 200, headers_of(terms.freshness))

    async def _matches(
        self, call: Call[SearchConversations, None], found: list[Found], worth: dict[str, float]
    ) -> dict[str, list[SearchMatch]]:
        """By conversation, best first."""
        wanted = [(one.id, sequence) for one in found for sequence in one.best]
        if not wanted:
            return {one.id: [] for one in found}
        values: dict[str, Any] = {
            "workspace": call.workspace,
            "conversations": [name for name, _ in wanted],
            "sequences": [sequence for _, sequence in wanted],
        }
        rows = await self._reads.connections.fetch(self._shown, values)
        by_place: dict[tuple[str, int], SearchMatch] = {}
        for conversation, message, truncated in rows:
            shown = self._decode(message)
            made = snippet(self._tokens, text_of(shown.content, shown.tool_calls), worth)
            by_place[conversation, shown.sequence] = _match(
                shown, made, truncated=truncated, highlight=call.query.highlight
            )
        return {
            one.id: [
                by_place[one.id, sequence]
                for sequence in one.best
                if (one.id, sequence) in by_place
            ]
            for one in found
        }


def search_filter(asked: SearchConversations) -> SearchFilter:
    return SearchFilter(
        conversations=list_filter(asked),
        **{name: getattr(asked, name) for name in _OWN},
    )


_OWN = [name for name in SearchFilter.__struct_fields__ if name != "conversations"]


def _match(shown: Shown, made: Snippet, *, truncated: bool, highlight: bool) -> SearchMatch:
    ranges = [[start, end] for start, end in made.ranges] if highlight else []
    return SearchMatch(shown.id, shown.sequence, shown.role, made.text, ranges, truncated)


def _with_matches(found: Found, matches: list[SearchMatch]) -> bytes:
    return b'%s,"score":%s,"matches":%s}' % (
        found.resource[:-1],
        res.encode(found.score),
        res.encode(matches),
    )
