"""An event that cannot be taken in parks its own conversation, never the log."""

import psycopg
import pytest

from projections.registry import NAMES, group_of
from tests.histories import make_log, store
from tests.projections.support import catch_up, expected, lag_of, rows_of
from tests.servers import Database

UNKNOWN = (
    "MessageTeleported.1",
    b'{"id":"e","at":"2026-01-01T00:00:00Z","cmd":"c","by":"k","data":{}}',
)
BROKEN = ("MessageAppended.1", b'{"id":"e"')
NONSENSE = (  # decodes, but no fold takes it: a pin in a stream that never began; no search minds
    "MessagePinned.1",
    b'{"id":"e","at":"2026-01-01T00:00:00Z","cmd":"c","by":"k","data":{"message_id":"m","sequence":1}}',
)


@pytest.mark.parametrize(
    "poison", [UNKNOWN, BROKEN, NONSENSE], ids=["unknown", "broken", "nonsense"]
)
@pytest.mark.parametrize("page", [1, 10, 1_000])
def test_others_go_on(database: Database, poison: tuple[str, bytes], page: int) -> None:
    histories, rows = make_log(7, conversations=4, commands=80)
    middle = len(rows) // 2
    shifted = [(position + 1, *rest) for position, *rest in rows[middle:]]
    ill = (middle + 1, "w0:ill", 1, *poison, None)
    later = (len(rows) + 2, "w0:ill", 2, "ConversationDeleted.1", UNKNOWN[1], None)
    store(database.owner, [*rows[:middle], ill, *shifted, later])
    catch_up(database.service, page=page)
    assert rows_of(database.superuser) == expected(histories)
    assert set(lag_of(database.service).values()) == {0}
    with psycopg.connect(database.superuser) as connection:
        parked = connection.execute(
            "SELECT name, stream, position FROM readmodels.parked ORDER BY name"
        ).fetchall()
    waiting = NAMES if poison is not NONSENSE else group_of("messages.v1").names
    assert parked == [(name, "w0:ill", middle + 1) for name in sorted(waiting)]


def test_what_came_before_stays(database: Database) -> None:
    """The row of a parked conversation is its last good one."""
    histories, rows = make_log(8, conversations=1, commands=30)
    store(
        database.owner, [*rows, (len(rows) + 1, histories[0].stream, len(rows) + 1, *UNKNOWN, None)]
    )
    catch_up(database.service)
    assert rows_of(database.superuser) == expected(histories)


@pytest.mark.parametrize("page", [10, 1_000])
@pytest.mark.parametrize(
    ("table", "refused"),
    [
        ("messages_v1", "conversation <> 'c1'"),
        ("search_messages_v1", "conversation <> 'c1'"),
        ("search_conversations_v1", "id <> 'c1'"),
    ],
)
def test_what_the_database_refuses_parks_its_conversation(
    database: Database, table: str, refused: str, page: int
) -> None:
    """Whether a statement's outcome is waited for or not: the page is halved until the culprit stands alone."""
    _, rows = make_log(9, conversations=4, commands=80)
    catch_up(database.service)
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute(f"ALTER TABLE readmodels.{table} ADD CHECK ({refused})".encode())
    store(database.owner, rows)
    catch_up(database.service, page=page)
    assert set(lag_of(database.service).values()) == {0}
    with psycopg.connect(database.superuser) as connection:
        parked = connection.execute("SELECT DISTINCT stream FROM readmodels.parked").fetchall()
        others = connection.execute(
            "SELECT count(DISTINCT (workspace, id)) FROM readmodels.search_conversations_v1"
        ).fetchone()
    expected_streams = {row[1] for row in rows}
    ill = {stream for stream in expected_streams if stream.endswith(":c1")}
    assert {row[0] for row in parked} == ill
    assert others is not None
    assert others[0] >= len(expected_streams - ill)
