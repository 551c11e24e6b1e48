"""Rows against a fresh replay; parked conversations; the commands for both."""

import msgspec
import psycopg
import pytest
from click.testing import CliRunner

from domain.codec import Codec
from eventstore.connect import connect
from projections.parking import parked
from projections.rebuild import rebuild
from projections.registry import NAMES
from projections.retry import retry
from projections.verify import Difference, verify
from services.cli.main import cli
from tests.histories import make_log, store
from tests.projections.support import catch_up, expected, rows_of
from tests.projections.test_parking import UNKNOWN
from tests.servers import Database


def quiet(name: str, position: int, target: int) -> None:
    assert 0 < position <= target


def test_whole_rows(database: Database) -> None:
    _, rows = make_log(3, conversations=5, commands=120)
    store(database.owner, rows)
    catch_up(database.service)
    for name in NAMES:
        verdict = verify(database.service, name, page=10, tell=quiet)
        assert verdict.differences == []
        assert verdict.rows > 0
        assert verdict.position == len(rows)
    with psycopg.connect(database.superuser) as connection:
        left = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'readmodels_verify'"
        ).fetchone()
    assert left == (0,)


def test_behind_the_head_is_not_a_difference(database: Database) -> None:
    _, rows = make_log(4, conversations=3, commands=80)
    store(database.owner, rows[:40])
    catch_up(database.service)
    store(database.owner, rows[40:])
    assert verify(database.service, NAMES[0], page=10, tell=quiet).position == 40


@pytest.mark.parametrize(
    ("damage", "name", "kind", "columns"),
    [
        ("DELETE FROM readmodels.messages_v1 WHERE ctid = (SELECT min(ctid) FROM readmodels.messages_v1)", "messages.v1", "missing", ()),
        ("INSERT INTO readmodels.messages_v1 SELECT workspace, conversation, 999, role, is_pinned, message FROM readmodels.messages_v1 LIMIT 1", "messages.v1", "unexpected", ()),
        ("UPDATE readmodels.messages_v1 SET is_pinned = NOT is_pinned WHERE ctid = (SELECT min(ctid) FROM readmodels.messages_v1)", "messages.v1", "different", ("is_pinned",)),
        ("UPDATE readmodels.conversations_v1 SET message_count = 77, status = 'lost' WHERE ctid = (SELECT min(ctid) FROM readmodels.conversations_v1)", "conversations.v1", "different", ("status", "message_count")),
    ],
)  # fmt: skip
def test_each_difference_is_told(
    database: Database, damage: str, name: str, kind: str, columns: tuple[str, ...]
) -> None:
    _, rows = make_log(5, conversations=4, commands=100)
    store(database.owner, rows)
    catch_up(database.service)
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute(damage)
    (found,) = verify(database.service, name, page=1_000, tell=quiet).differences
    assert (found.kind, found.columns) == (kind, columns)
    assert isinstance(found, Difference)
    assert found.position is not None
    assert rows[found.position - 1][1] == f"{found.row[0]}:{found.row[1]}"
    assert rows[found.position - 1][3] == found.topic

    environment = {"VERBATIM_DATABASE_URL": database.service}
    shown = CliRunner().invoke(cli, ["projections", "verify", name], env=environment)
    assert shown.exit_code == 1, shown.output
    assert f"{kind}" in shown.output
    assert f"position {found.position}" in shown.output
    built = CliRunner().invoke(cli, ["projections", "rebuild"], env=environment)
    assert built.exit_code == 0, built.output
    again = CliRunner().invoke(cli, ["projections", "verify"], env=environment)
    assert again.exit_code == 0, again.output
    assert again.output.count("0 differences") == len(NAMES)


def test_a_parked_conversation_is_taken_in_after_an_upgrade(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program of today cannot read an event; that of tomorrow can."""
    histories, rows = make_log(6, conversations=3, commands=90)
    stream = rows[len(rows) // 2][1]
    victim = next(row for row in reversed(rows) if row[1] == stream and "Appended" in row[3])
    strange = [(*row[:3], "MessageAppended.9", *row[4:]) if row is victim else row for row in rows]
    store(database.owner, strange)
    catch_up(database.service)
    environment = {"VERBATIM_DATABASE_URL": database.service}

    status = CliRunner().invoke(cli, ["projections", "status"], env=environment)
    assert status.exit_code == 1
    assert stream in status.output
    assert "MessageAppended.9" in status.output
    machine = CliRunner().invoke(cli, ["projections", "status", "--json"], env=environment)
    told = msgspec.json.decode(machine.stdout)
    assert [one["stream"] for one in told["parked"]] == [stream]
    assert {name: one["parked"] for name, one in told["read_models"].items()} == dict.fromkeys(
        NAMES, 1
    )
    assert verify(database.service, NAMES[0], page=10, tell=quiet).parked == 1
    assert "MessageAppended.9" in str(retry(database.service, stream))
    refused = CliRunner().invoke(cli, ["projections", "retry"], env=environment)
    assert refused.exit_code == 1
    assert "still parked" in refused.output

    upgraded = Codec.decode
    monkeypatch.setattr(
        Codec,
        "decode",
        lambda self, topic, state: upgraded(self, topic.replace(".9", ".1"), state),
    )
    done = CliRunner().invoke(cli, ["projections", "retry", stream], env=environment)
    assert done.exit_code == 0, done.output
    assert rows_of(database.superuser) == expected(histories)
    with connect(database.service, name="test") as connection:
        assert parked(connection) == []
    for name in NAMES:
        assert verify(database.service, name, page=10, tell=quiet).differences == []
    healthy = CliRunner().invoke(cli, ["projections", "status"], env=environment)
    assert healthy.exit_code == 0
    nothing = CliRunner().invoke(cli, ["projections", "retry"], env=environment)
    assert (nothing.exit_code, nothing.output) == (0, "no conversation is parked\n")


def test_a_rebuild_keeps_who_is_parked(database: Database) -> None:
    _, rows = make_log(7, conversations=3, commands=60)
    ill = (len(rows) + 1, "w0:ill", 1, *UNKNOWN, None)
    store(database.owner, [*rows, ill])
    catch_up(database.service)
    for name in NAMES:
        rebuild(database.service, name, page=10, tell=quiet)
    with connect(database.service, name="test") as connection:
        assert [one.stream for one in parked(connection)] == ["w0:ill"]
