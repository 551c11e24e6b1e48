"""What the search benchmark asks with: the service's own steps, without HTTP."""

import time

from eventstore.reader import Connections
from projections.listing import ListFilter
from projections.search.filters import SearchFilter
from projections.search.query import parse
from projections.search.tokens import Tokens
from services.query.searching import Found, Searching

ALL = SearchFilter(ListFilter(("active", "archived")))
NAMES = ["search.v1"]


class Client:
    def __init__(self, dsn: str) -> None:
        self._connections = Connections(dsn, name="bench", size=1)
        self._tokens = Tokens()
        self.seconds = 0.0
        """Of the last search."""

    async def start(self) -> None:
        await self._connections.start()

    async def stop(self) -> None:
        await self._connections.stop()

    async def search(
        self, workspace: str, q: str, wanted: SearchFilter = ALL, limit: int = 20
    ) -> list[Found]:
        """The first page, as the service finds it; without the texts to show."""
        started = time.perf_counter()
        searching = Searching(self._connections.fetch, workspace, wanted, parse(self._tokens, q))
        terms = await searching.terms(NAMES)
        known = await searching.counted(terms.known)
        found = await searching.found(known, 2**62, None, limit + 1)
        self.seconds = time.perf_counter() - started
        return found[:limit]
