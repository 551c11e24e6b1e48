"""The search tables against the log: what stands in them, however the log was cut into pages."""

import random
from collections import Counter

import psycopg
import pytest

from projections.search.changes import is_sampled
from projections.search.read_model import NAME
from projections.search.texts import text_of_event
from projections.search.tokens import Tokens
from projections.search.vectors import unmarked
from projections.verify import verify
from tests.histories import History, make_log, store
from tests.projections.support import catch_up
from tests.servers import Database


def tables(dsn: str) -> dict[str, list]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return {
            table: connection.execute(f"SELECT * FROM readmodels.{table} ORDER BY 1, 2").fetchall()
            for table in (
                "search_messages_v1",
                "search_conversations_v1",
                "search_terms_v1",
                "search_totals_v1",
            )
        }


def standing(histories: list[History]) -> dict[tuple[str, str, int], str]:
    """Texts of the messages that were not retracted."""
    return {
        (*history.stream.split(":"), message.sequence): text_of_event(message)
        for history in histories
        if history.state is not None
        for message in history.messages.values()
        if message.sequence not in history.state.retracted
    }


@pytest.mark.parametrize("seed", range(3))
def test_rows_are_what_the_histories_say(database: Database, seed: int) -> None:
    histories, rows = make_log(seed, conversations=8, commands=400)
    store(database.owner, rows)
    catch_up(database.service, page=random.Random(seed).choice([3, 50, 1_000]))
    texts = standing(histories)
    tokens = Tokens()
    counts = Counter(
        (key[0], lexeme)
        for key, text in texts.items()
        if is_sampled(key)
        for lexeme in tokens.index(text).lexemes
    )
    assert counts
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        found = connection.execute(
            "SELECT workspace, conversation, sequence, tsvector_to_array(words) FROM readmodels.search_messages_v1"
        ).fetchall()
        assert {row[:3]: {unmarked(word) for word in row[3]} for row in found} == {
            key: set(tokens.index(text).lexemes) for key, text in texts.items()
        }
        terms = connection.execute(
            "SELECT workspace, term, messages FROM readmodels.search_terms_v1 WHERE messages <> 0"
        )
        assert {row[:2]: row[2] for row in terms} == counts
        totals = connection.execute(
            "SELECT workspace, messages, sampled FROM readmodels.search_totals_v1"
        )
        assert {row[0]: row[1:] for row in totals} == {
            workspace: (
                sum(key[0] == workspace for key in texts),
                sum(key[0] == workspace and is_sampled(key) for key in texts),
            )
            for workspace in ("w0", "w1")
        }
        used = connection.execute(
            "SELECT workspace || ':' || id, tokens FROM readmodels.search_conversations_v1"
        )
        assert dict(used.fetchall()) == {
            history.stream: history.state.input_tokens + history.state.output_tokens
            for history in histories
            if history.state is not None
        }


def test_pages_do_not_matter(database: Database) -> None:
    _, rows = make_log(31, conversations=5, commands=300)
    store(database.owner, rows)
    catch_up(database.service, page=2)
    first = tables(database.superuser)
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute("DROP TABLE " + ", ".join(f"readmodels.{table}" for table in first))
        connection.execute("DELETE FROM readmodels.tracking WHERE name LIKE 'search%'")
    catch_up(database.service, page=1_000)
    assert tables(database.superuser) == first
    assert all(first.values())
    verdict = verify(database.service, NAME, page=7, tell=lambda *_: None)
    assert verdict.differences == []
    assert verdict.rows == sum(map(len, first.values()))


@pytest.mark.parametrize(
    ("damage", "table"),
    [
        ("UPDATE readmodels.search_messages_v1 SET words = '' WHERE length = 1", "search_messages_v1"),
        ("UPDATE readmodels.search_terms_v1 SET messages = messages + 1 WHERE term = 'hello'", "search_terms_v1"),
        ("UPDATE readmodels.search_totals_v1 SET length = 1", "search_totals_v1"),
        ("DELETE FROM readmodels.search_conversations_v1", "search_conversations_v1"),
    ],
)  # fmt: skip
def test_damage_is_told(database: Database, damage: str, table: str) -> None:
    _, rows = make_log(32, conversations=3, commands=60)
    store(database.owner, rows)
    catch_up(database.service)
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute(damage)
    differences = verify(database.service, NAME, page=1_000, tell=lambda *_: None).differences
    assert {difference.table for difference in differences} == {table}
    for difference in differences:
        assert (difference.topic == "MessageAppended.1") == (table == "search_messages_v1")
