"""Every way to an answer gives the same one: thresholds are lowered until a small workspace is a large one."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import psycopg
import psycopg.sql
import pytest

from deploy.embedded.postgres import EmbeddedPostgres
from eventstore.reader import Connections
from projections.listing import ListFilter
from projections.queries import query
from projections.search import statements, weights
from projections.search.filters import SearchFilter
from projections.search.query import parse
from projections.search.statements import ANY_TITLE
from projections.search.tokens import Tokens
from services.query import searching
from services.query.searching import Found, Place, Searching
from tests.servers import Database, fresh_database
from tests.services.support import Api, new_key, projecting, serving

WORDS = ["kettle", "refund", "parcel", "order", "broken", "late", "blue", "green"]
QUERIES = [
    "kettle",
    "kettle refund",
    "late blue parcel order",
    '"kettle refund"',
    "order -late",
    "gree",
]


@pytest.fixture(scope="module")
def dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    chance = random.Random(5)
    with fresh_database(postgres, template="verbatim") as made:
        database: Database = made
        with projecting(made.service), serving(made.service) as address:
            api = Api(address, database, new_key(made.service, unlimited=True))
            for number in range(60):
                count = 4 + number % 4
                texts = [
                    " ".join(chance.choices(WORDS, k=chance.randint(1, 6))) for _ in range(count)
                ]
                title = chance.choice(WORDS) if number % 3 == 0 else None
                api.start(f"c{number}", *texts, title=title, user_id=f"u{number % 4}")
            assert api.get("/conversations/search?q=kettle").status_code == 200  # all taken in
            api.close()
        yield made.service


def found(
    dsn: str, q: str, after: Place | None = None, limit: int = 100, **wanted: Any
) -> list[Found]:
    async def run() -> list[Found]:
        connections = Connections(dsn, name="test", size=1)
        await connections.start()
        conversations = ListFilter(("active", "archived"), user_id=wanted.pop("user_id", None))
        search_filter = SearchFilter(conversations, **wanted)
        one = Searching(connections.fetch, "acme", search_filter, parse(Tokens(), q))
        terms = await one.terms(["search.v1"])
        answer = await one.found(await one.counted(terms.known), 2**60, after, limit)
        await connections.stop()
        return answer

    return asyncio.run(run())


def shown(answer: list[Found]) -> list[tuple[str, float, list[int]]]:
    return [(one.id, one.score, one.best) for one in answer]


@pytest.mark.parametrize("q", QUERIES)
@pytest.mark.parametrize(
    "wanted", [{}, {"user_id": "u1"}, {"role": "user"}, {"search_in": "messages"}]
)
@pytest.mark.parametrize("candidates", [0, 150])
def test_in_two_stages_as_in_one(
    dsn: str, monkeypatch: pytest.MonkeyPatch, q: str, wanted: dict[str, Any], candidates: int
) -> None:
    whole = shown(found(dsn, q, **wanted))
    assert whole
    monkeypatch.setattr(weights, "MOST_CANDIDATES", candidates)
    assert shown(found(dsn, q, **wanted)) == whole


@pytest.mark.parametrize("q", QUERIES)
@pytest.mark.parametrize("few", [0, 500])
def test_few_or_many_pass_the_filters(
    dsn: str, monkeypatch: pytest.MonkeyPatch, q: str, few: int
) -> None:
    whole = shown(found(dsn, q, user_id="u2", min_messages=2))
    monkeypatch.setattr(weights, "MOST_CANDIDATES", 0)
    monkeypatch.setattr(searching, "FEW", few)
    assert shown(found(dsn, q, user_id="u2", min_messages=2)) == whole


@pytest.mark.parametrize("q", QUERIES)
@pytest.mark.parametrize("longest", [0, 5])
@pytest.mark.parametrize("candidates", [0, 150])
def test_of_the_very_long_the_newest_and_what_made_them_candidates_count(
    dsn: str, monkeypatch: pytest.MonkeyPatch, q: str, longest: int, candidates: int
) -> None:
    whole = shown(found(dsn, q))
    monkeypatch.setattr(weights, "MOST_CANDIDATES", candidates)
    monkeypatch.setattr(statements, "LONGEST", longest)
    brief = {f"c{number}" for number in range(60) if 4 + number % 4 <= longest}
    answer = shown(found(dsn, q))
    assert {name for name, _, _ in answer} == {name for name, _, _ in whole}
    assert [one for one in answer if one[0] in brief] == [one for one in whole if one[0] in brief]


@pytest.mark.parametrize("q", ["kettle refund", "late blue parcel order"])
def test_what_has_common_words_together_is_found(
    dsn: str, monkeypatch: pytest.MonkeyPatch, q: str
) -> None:
    whole = shown(found(dsn, q))
    monkeypatch.setattr(weights, "MOST_CANDIDATES", 0)
    monkeypatch.setattr(weights, "MOST_TOGETHER", 1_000_000)
    answer = shown(found(dsn, q, limit=5))
    assert answer[0] == whole[0]
    assert len(answer) == 5
    assert all(one in whole for one in answer)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("sort_by", ["created_at", "message_count"])
def test_other_orders_walk_to_the_same(
    dsn: str, monkeypatch: pytest.MonkeyPatch, sort_by: str, order: str
) -> None:
    wanted = {"sort_by": sort_by, "order": order}
    whole = shown(found(dsn, "kettle refund", **wanted))
    monkeypatch.setattr(weights, "MOST_CANDIDATES", 0)
    seen: list[Found] = []
    while page := found(dsn, "kettle refund", seen[-1].place if seen else None, 7, **wanted):
        seen += page
    assert shown(seen) == whole


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("name", ["search_hits", "search_titles"])
def test_only_the_index_of_words_leads_to_them(dsn: str, name: str, mode: str) -> None:
    """Whatever is known of the tables: neither all rows are read, nor all of a workspace's from another index."""
    text = query(name).decode().format(
        values="1 AS v0", score="v0", mask="1", driver="drivers", conditions=ANY_TITLE * (name == "search_titles")
    )  # fmt: skip
    given = {"drivers": "'x'", "workspace": "acme", "ceiling": 9, "title_weight": 1}
    given |= dict.fromkeys(["short", "long", "title_short", "title_long"], 1)
    used = [value for value in given if f"%({value})s" in text]
    for number, value in enumerate(used, 1):
        text = text.replace(f"%({value})s", f"${number}")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute(f"SET plan_cache_mode = {mode}")
        connection.execute(f"PREPARE asked AS {text}".encode())
        values = ", ".join(psycopg.sql.Literal(given[value]).as_string() for value in used)
        plan = connection.execute(f"EXPLAIN EXECUTE asked({values})".encode()).fetchall()
    indexes = [row[0] for row in plan if "Index" in row[0] and " on " in row[0]]
    assert len(indexes) == 1
    assert "_v1_words" in indexes[0]
