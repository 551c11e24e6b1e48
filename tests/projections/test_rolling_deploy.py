"""A rolling deploy: for a while the older program runs beside the newer one, whose events it does not know."""

from contextlib import closing

import httpx
import psycopg
import pytest

from domain.codec import Codec
from eventstore.connect import connect
from projections.parking import parked
from projections.registry import NAMES
from projections.retry import retry
from tests.histories import History, make_log, store
from tests.projections.support import catch_up, expected, lag_of, rows_of
from tests.running import wait_until
from tests.servers import Database
from tests.services.support import Api, new_key, projecting, refused, serving

NEWER = {"a type": "MessageTeleported.1", "a schema": "MessageAppended.2"}


def written_by_the_newer(dsn: str, topic: str, seed: int) -> tuple[list[History], str]:
    """A log in whose middle one event has a topic that only the program of tomorrow knows; and its stream."""
    histories, rows = make_log(seed, conversations=4, commands=120)
    newer = next(row for row in rows[len(rows) // 2 :] if row[3].startswith("MessageAppended"))
    store(dsn, [(*row[:3], topic, *row[4:]) if row is newer else row for row in rows])
    return histories, newer[1]


def upgrade(monkeypatch: pytest.MonkeyPatch, topic: str) -> None:
    """To the program of tomorrow."""
    decode = Codec.decode
    monkeypatch.setattr(
        Codec,
        "decode",
        lambda self, name, state: decode(self, name.replace(topic, "MessageAppended.1"), state),
    )


def waiting(dsn: str) -> list[str]:
    with connect(dsn, name="test") as connection:
        return [each.stream for each in parked(connection)]


@pytest.fixture(params=NEWER.values(), ids=list(NEWER))
def topic(request: pytest.FixtureRequest) -> str:
    return request.param


def test_the_newer_projector_takes_up_what_the_older_one_left(
    database: Database, monkeypatch: pytest.MonkeyPatch, topic: str
) -> None:
    """Nobody has to ask for it: no `retry`."""
    histories, stream = written_by_the_newer(database.owner, topic, 41)
    catch_up(database.service)
    assert waiting(database.service) == [stream]
    assert set(lag_of(database.service).values()) == {0}  # all others went on
    assert rows_of(database.superuser) != expected(histories)
    upgrade(monkeypatch, topic)
    with projecting(database.service):
        wait_until(lambda: waiting(database.service) == [])
    assert rows_of(database.superuser) == expected(histories)


def test_the_older_projector_says_what_waits_however_often_it_starts(
    database: Database, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    _, stream = written_by_the_newer(database.owner, topic, 42)
    for start in range(2):
        caplog.clear()
        with projecting(database.service):
            wait_until(lambda: [*lag_of(database.service).values()] == [0] * len(NAMES))
            wait_until(lambda: stream in caplog.text)
        assert topic in caplog.text, start
    with connect(database.service, name="test") as connection:
        (found,) = parked(connection)
    assert (found.stream, found.read_models) == (stream, sorted(NAMES))
    assert topic in found.error
    assert "newer version" in found.error
    assert retry(database.service, stream) is not None  # asking for it changes nothing


def test_services_of_the_older_program_beside_it(
    database: Database, monkeypatch: pytest.MonkeyPatch, topic: str
) -> None:
    """What they cannot read they refuse for a time, 503: no write on a half-known state, no answer with a hole."""
    _, stream = written_by_the_newer(database.owner, topic, 43)
    workspace, _, conversation = stream.partition(":")
    key = new_key(database.service, workspace, unlimited=True)
    message = {"role": "user", "content": "x"}
    path = f"/conversations/{conversation}/messages"
    with (
        projecting(database.service),
        serving(database.service) as address,
        closing(Api(address, database, key)) as api,
    ):
        wait_until(lambda: waiting(database.service) == [stream])
        for answer in (api.post(path, message), api.get(path)):
            refused(answer, 503, "conversation_parked")
            assert int(answer.headers["retry-after"]) > 0
        before = api.head()
        ready = httpx.get(f"{address}/health/ready").json()
        models = ready["checks"]["query"]["read_models"]
        assert {name: found["parked"] for name, found in models.items()} == dict.fromkeys(NAMES, 1)
        assert api.post("/conversations", {"id": "other"}).status_code == 201
        assert api.head() == before + 1
    with psycopg.connect(database.superuser) as connection:
        kept = connection.execute("SELECT count(*) FROM events WHERE topic = %s", [topic])
        assert kept.fetchone() == (1,)
    upgrade(monkeypatch, topic)
    with (
        projecting(database.service),
        serving(database.service) as address,
        closing(Api(address, database, key)) as api,
    ):
        wait_until(lambda: waiting(database.service) == [])
        # Whatever state the history left it in, it is known again.
        assert api.post(path, message).status_code != 503
        assert api.get(path).status_code != 503


def test_ready_is_whoever_finds_the_read_models_that_it_reads(database: Database) -> None:
    """Those of a newer program are built, and the older ones made again, beside the ones that are served."""
    catch_up(database.service)

    def ready_with(statement: str) -> httpx.Response:
        with connect(database.service, name="test") as connection:
            connection.execute(statement.encode())
        return httpx.get(f"{older}/health/ready")

    with serving(database.service, ("query",)) as older:
        insert = "INSERT INTO readmodels.tracking (name, position) VALUES ('{}', 0)"
        assert ready_with(insert.format("search.v2")).status_code == 200
        assert ready_with(insert.format("rebuild:search.v1")).status_code == 200
        # As a newer program finds it: it reads one that nobody has begun to build.
        answer = ready_with("DELETE FROM readmodels.tracking WHERE name = 'stats.v1'")
        assert answer.status_code == 503
        told = answer.json()["checks"]["query"]["message"]
        assert "stats.v1" in told
        assert "messages.v1" not in told
        assert ready_with(insert.format("stats.v1")).status_code == 200  # begun
