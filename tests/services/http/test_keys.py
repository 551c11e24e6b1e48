"""Keys: their form, revocation, expiry, the record of all three."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from eventstore.connect import connect
from eventstore.purge import keep_purging
from eventstore.reader import Connections
from services.http import keys
from services.processes import Room
from tests.servers import Database
from tests.services.support import Api, new_key, refused, serving


def test_forms() -> None:
    key = keys.make_key()
    assert keys.well_formed(key)
    assert not keys.well_formed(key[:-1])
    swapped = key[:20] + ("A" if key[20] != "A" else "B") + key[21:]
    assert not keys.well_formed(swapped)
    assert len({keys.make_key() for _ in range(100)}) == 100


@pytest.fixture(scope="module")
def processes(api: Api) -> Iterator[dict[str, str]]:
    """A command, a query and a gateway process, each with a ring of keys of its own."""
    rooms: tuple[Room, ...] = ("command", "query", "gateway")
    with ExitStack() as stack:
        dsn = api.database.service
        yield {room: stack.enter_context(serving(dsn, (room,))) for room in rooms}


def ask(room: str, address: str, key: str) -> httpx.Response:
    """A request that a good key is answered without anything being written."""
    headers = {"Authorization": f"Bearer {key}"}
    if room == "query":
        return httpx.get(f"{address}/v1/conversations", headers=headers)
    path = "/v1/conversations" if room == "command" else "/v1/chat/completions"
    return httpx.post(f"{address}{path}", headers=headers, json={"unknown": 1})


def refused_everywhere(processes: dict[str, str], key: str, since: float) -> None:
    """No request that begins a second after `since` (of `time.time`) is let in, at any process; then none ever is."""
    for room, address in processes.items():
        while True:
            began = time.time()
            answer = ask(room, address, key)
            if answer.status_code == 401:
                break
            assert answer.status_code in (200, 400), answer.text
            assert began < since + 1, f"{room} lets in a key {began - since:.2f} s later"
    for room, address in processes.items():
        answer = ask(room, address, key)
        refused(answer, 401, "invalid_key")
        assert answer.headers["www-authenticate"] == 'Bearer realm="verbatim"'


def test_a_revoked_key_is_refused_by_every_process_within_a_second(
    api: Api, processes: dict[str, str]
) -> None:
    dsn = api.database.service
    key = new_key(dsn, "revoking", unlimited=True)
    kept = new_key(dsn, "revoking", unlimited=True)
    for room, address in processes.items():  # each believes it from now on
        assert ask(room, address, key).status_code in (200, 400)
    with connect(dsn, name="test") as connection:
        record = keys.listed(connection, "revoking")[0]
        assert keys.revoke(connection, record.id)
        revoked = time.time()
        assert keys.revoke(connection, record.id)
        assert not keys.revoke(connection, "key_unknown")
    refused_everywhere(processes, key, revoked)
    for room, address in processes.items():
        assert ask(room, address, kept).status_code in (200, 400)


def test_an_expired_key_is_refused_by_every_process_within_a_second(
    api: Api, processes: dict[str, str]
) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=1)
    key = new_key(api.database.service, "expiring", expires_at=expires, unlimited=True)
    for room, address in processes.items():
        ask(room, address, key)
    refused_everywhere(processes, key, expires.timestamp())
    assert datetime.now(UTC) >= expires, "it was refused too early"


class Counting(Connections):
    """Counts statements."""

    count = 0

    async def fetch(self, statement: bytes, values: dict[str, Any]) -> list[Any]:
        self.count += 1
        return await super().fetch(statement, values)


async def test_requests_at_the_same_time_look_a_key_up_once(database: Database) -> None:
    key = new_key(database.service, "crowded")
    connections = Counting(database.service, name="test", size=1)
    await connections.start()
    ring = keys.KeyRing(connections)
    found = await asyncio.gather(*(ring.principal(key) for _ in range(50)))
    assert {one and one.workspace for one in found} == {"crowded"}
    assert connections.count == 1
    await connections.stop()


def test_a_key_that_has_expired_is_refused(api: Api) -> None:
    gone = datetime.now(UTC) - timedelta(seconds=1)
    expired = Api(api.address, api.database, new_key(api.database.service, expires_at=gone))
    assert expired.get("/conversations").status_code == 401
    expired.close()


def test_what_happens_to_keys_is_recorded(api: Api) -> None:
    dsn = api.database.service
    gone = datetime.now(UTC) - timedelta(seconds=1)
    key = new_key(dsn, "audited")
    with connect(dsn, name="test") as connection:
        (record,) = keys.listed(connection, "audited")
        keys.revoke(connection, record.id)
        keys.revoke(connection, record.id)
        other, made = keys.create(
            connection, workspace="audited", name="o", scopes=["read"], expires_at=gone
        )
        keys.record_expired(connection)
        keys.record_expired(connection)
        found = [(e.key_id, e.action) for e in keys.audit(connection, "audited")]
    assert found == [
        (record.id, "created"),
        (record.id, "revoked"),
        (made.id, "created"),
        (made.id, "expired"),
    ]
    assert key != other


def test_the_record_says_when_and_who_and_stays(api: Api) -> None:
    dsn = api.database.service
    before = datetime.now(UTC)
    new_key(dsn, "recorded")
    with connect(dsn, name="test") as connection:
        [created] = keys.audit(connection, "recorded")
        [(login,)] = connection.execute("SELECT session_user::text").fetchall()
        assert before - timedelta(seconds=1) <= created.at <= datetime.now(UTC)
        assert created.login == login
        keys.revoke(connection, created.key_id)
        revoked = keys.audit(connection, "recorded")[1]
        assert (revoked.action, revoked.at >= created.at) == ("revoked", True)
    for login_url in (dsn, api.database.owner, api.database.superuser):
        for statement in (
            "DELETE FROM key_audit",
            "UPDATE key_audit SET action = 'created'",
            "TRUNCATE key_audit",
        ):
            with psycopg.connect(login_url) as connection, pytest.raises(psycopg.Error):
                connection.execute(statement)


async def test_a_command_process_records_what_has_expired(database: Database) -> None:
    """By itself: expiry is a time that passes, nobody's command."""
    gone = datetime.now(UTC) - timedelta(seconds=1)
    new_key(database.service, "passed", expires_at=gone)
    purging = asyncio.create_task(keep_purging(database.service))
    try:
        with connect(database.service, name="test") as connection:
            async with asyncio.timeout(20):
                while len(found := keys.audit(connection, "passed")) < 2:  # noqa: ASYNC110 - the database gives no event for this
                    await asyncio.sleep(0.01)
        assert [event.action for event in found] == ["created", "expired"]
    finally:
        purging.cancel()


def test_only_a_hash_is_stored(api: Api) -> None:
    with psycopg.connect(api.database.superuser) as connection:
        rows = connection.execute("SELECT k::text FROM api_keys k").fetchall()
        rows += connection.execute("SELECT k::text FROM key_audit k").fetchall()
    assert rows
    secret = api.key.rpartition("_")[2]
    assert not any(secret[:32] in row[0] or api.key in row[0] for row in rows)
