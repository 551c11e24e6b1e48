"""Parked conversations count with what came before the fault: in verification, in a rebuild, and when they go on."""

import psycopg
import pytest

from domain.codec import Codec
from eventstore.connect import connect
from projections import rebuild
from projections.messages import Messages
from projections.parking import parked
from projections.registry import NAMES, group_of
from projections.retry import retry
from projections.verify import verify
from tests.histories import History, make_log, store
from tests.projections.support import catch_up, expected, rows_of
from tests.servers import Database


def quiet(name: str, position: int, target: int) -> None:
    assert 0 < position <= target


def poisoned(dsn: str, seed: int) -> tuple[list[History], list[tuple], str]:
    """A log of which the program of today cannot read one event in the middle, taken in; and that event's stream."""
    histories, rows = make_log(seed, conversations=4, commands=120)
    middle = rows[len(rows) // 2 :]
    victim = next(row for row in middle if "Appended" in row[3])
    store(
        dsn, [(*row[:3], "MessageAppended.9", *row[4:]) if row is victim else row for row in rows]
    )
    return histories, rows, victim[1]


def upgrade(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the program of tomorrow, which can."""
    decode = Codec.decode
    monkeypatch.setattr(
        Codec, "decode", lambda self, topic, state: decode(self, topic.replace(".9", ".1"), state)
    )


def all_verified(dsn: str) -> None:
    for name in NAMES:
        assert verify(dsn, name, page=10, tell=quiet).differences == [], name


@pytest.mark.parametrize("page", [5, 1_000])
def test_verification_is_exact_before_and_after_an_upgrade(
    database: Database, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    _, _, stream = poisoned(database.owner, 21)
    catch_up(database.service, page=page)
    all_verified(database.service)
    upgrade(monkeypatch)
    all_verified(database.service)
    workspace, _, conversation = stream.partition(":")
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute(
            "UPDATE readmodels.conversations_v1 SET message_count = 99 WHERE workspace = %s AND id = %s",
            [workspace, conversation],
        )
    (found,) = verify(database.service, "conversations.v1", page=10, tell=quiet).differences
    assert found.row == (workspace, conversation)


@pytest.mark.parametrize("rebuilt", [[], ["messages.v1"], NAMES])
def test_it_goes_on_where_it_stopped(
    database: Database, monkeypatch: pytest.MonkeyPatch, rebuilt: list[str]
) -> None:
    histories, _, stream = poisoned(database.owner, 22)
    catch_up(database.service)
    upgrade(monkeypatch)
    for name in rebuilt:
        rebuild.rebuild(database.service, name, page=10, tell=quiet)
    all_verified(database.service)
    assert retry(database.service, stream) is None
    assert rows_of(database.superuser) == expected(histories)
    all_verified(database.service)


class KilledError(Exception):
    pass


def test_it_goes_on_while_a_rebuild_is_under_way(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "NEAR", 0)
    histories, rows, stream = poisoned(database.owner, 23)
    catch_up(database.service)

    def dies_late(name: str, position: int, target: int) -> None:
        quiet(name, position, target)
        if position > len(rows) * 3 // 4:
            raise KilledError

    with pytest.raises(KilledError):
        rebuild.rebuild(database.service, "conversations.v1", page=10, tell=dies_late)
    upgrade(monkeypatch)
    assert retry(database.service, stream) is None
    rebuild.rebuild(database.service, "conversations.v1", page=10, tell=quiet)
    assert rows_of(database.superuser) == expected(histories)
    all_verified(database.service)


def test_whom_a_rebuild_cannot_take_in_waits_for_all(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    histories, rows = make_log(24, conversations=3, commands=90)
    stream, middle = rows[0][1], rows[len(rows) // 2][0]
    half = len(rows) * 3 // 4
    store(database.owner, rows[:half])
    catch_up(database.service)
    with monkeypatch.context() as patch:
        work_out = Messages.work_out

        def picky(self: Messages, page):
            if any(one.stream == stream and one.position > middle for one in page):
                raise ValueError("not this one")
            return work_out(self, page)

        patch.setattr(Messages, "work_out", picky)
        rebuild.rebuild(database.service, "messages.v1", page=10, tell=quiet)
        with connect(database.service, name="test") as connection:
            (waiting,) = parked(connection)
        assert (waiting.stream, waiting.read_models) == (stream, group_of("messages.v1").names)
        all_verified(database.service)
        store(database.owner, rows[half:])
        catch_up(database.service)
        all_verified(database.service)
        assert "not this one" in str(retry(database.service, stream))
        all_verified(database.service)
    assert retry(database.service, stream) is None
    assert rows_of(database.superuser) == expected(histories)
    all_verified(database.service)


@pytest.mark.parametrize("ill", [False, True])
def test_a_read_model_that_is_new_to_a_log(
    database: Database, monkeypatch: pytest.MonkeyPatch, ill: bool
) -> None:
    """It catches up beside the others of its group, which take in nothing twice."""
    histories, rows, stream = poisoned(database.owner, 25)
    if not ill:
        upgrade(monkeypatch)
    with psycopg.connect(database.owner, autocommit=True) as connection:
        connection.execute("UPDATE head SET position = %s", [len(rows) * 3 // 4])
    catch_up(database.service)
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute("DROP TABLE readmodels.messages_v1")
        for table in ("tracking", "parked"):
            connection.execute(f"DELETE FROM readmodels.{table} WHERE name = 'messages.v1'")
    with psycopg.connect(database.owner, autocommit=True) as connection:
        connection.execute("UPDATE head SET position = %s", [len(rows)])
    catch_up(database.service, page=7)
    all_verified(database.service)
    if ill:
        upgrade(monkeypatch)
        assert retry(database.service, stream) is None
    assert rows_of(database.superuser) == expected(histories)
