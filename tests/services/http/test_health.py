"""Health and metrics tell what is wrong, and a parked conversation is alone with it."""

import httpx
import psycopg
import pytest

from eventstore.connect import connect
from projections.registry import NAMES
from tests.running import wait_until
from tests.servers import Database
from tests.services.support import ROOMS, Api, projecting, refused, serving

EVENTUAL = {"X-Consistency": "eventual"}
UNREADABLE = b'{"id":"e","at":"2026-01-01T00:00:00Z","cmd":"c","by":"k","data":{}}'


def poison(api: Api, stream: str, version: int) -> None:
    """An event of tomorrow's, as another program might append it."""
    with psycopg.connect(api.database.owner) as connection:
        row = connection.execute("UPDATE head SET position = position + 1 RETURNING position")
        (position,) = row.fetchone() or (0,)
        connection.execute(
            "INSERT INTO events VALUES (%s, %s, %s, 'ConversationTeleported.1', %s, NULL)",
            [position, stream, version, UNREADABLE],
        )


def test_who_answers_no_read_is_not_ready(database: Database) -> None:
    """Projections never ran on this database."""
    with (
        serving(database.service, ("command",)) as command,
        serving(database.service, ("query",)) as query,
        serving(database.service, ROOMS) as whole,
    ):
        assert httpx.get(f"{command}/health/ready").status_code == 200
        for address in (query, whole):
            answer = httpx.get(f"{address}/health/ready")
            assert answer.status_code == 503
            told = answer.json()["checks"]["query"]["message"]
            assert all(name in told for name in NAMES)
            assert "`verbatim projections run`" in told
            assert 'verbatim_up{part="query"} 0.0' in httpx.get(f"{address}/metrics").text
        with projecting(database.service):
            for address in (query, whole):
                ready = f"{address}/health/ready"
                wait_until(lambda ready=ready: httpx.get(ready).status_code == 200)


@pytest.fixture(scope="module")
def ill(api: Api) -> str:
    api.start("ill", "before")
    poison(api, "acme:ill", 3)
    return "ill"


def test_a_parked_conversation_answers_503_alone(api: Api, ill: str) -> None:
    for path in ("", "/messages", "/events"):
        answer = api.get(f"/conversations/{ill}{path}")
        error = refused(answer, 503, "conversation_parked")
        assert error["retry_after_seconds"] == int(answer.headers["retry-after"]) == 60
        # OpenAI's client would wait that long for each of its two retries before it says so.
        assert answer.headers["x-should-retry"] == "false"
    api.start("well", "x")
    assert api.get("/conversations/well").status_code == 200
    listed = api.get("/conversations?limit=100").json()["data"]
    assert {c["id"]: c["version"] for c in listed}["ill"] == 2  # its last good row


def test_writes_to_it_wait(api: Api, ill: str) -> None:
    head = api.head()
    for answer in (
        api.post(f"/conversations/{ill}/messages", {"role": "user", "content": "x"}),
        api.patch(f"/conversations/{ill}", {"title": "x"}),
        api.delete(f"/conversations/{ill}"),
    ):
        refused(answer, 503, "conversation_parked")
        assert answer.headers["x-should-retry"] == "false"
    assert api.head() == head
    api.start("sound")
    body = {"action": "delete", "conversation_ids": [ill, "sound"]}
    result = api.post("/conversations/bulk", body).json()["data"]
    assert (result["updated"], result["failed"]) == (1, 1)
    assert (result["errors"][0]["id"], result["errors"][0]["type"]) == (ill, "unavailable")


def test_health_shows_it(api: Api, ill: str) -> None:
    api.get(f"/conversations/{ill}")
    ready = httpx.get(f"{api.address}/health/ready")
    assert ready.status_code == 200  # all others are served
    models = ready.json()["checks"]["query"]["read_models"]
    assert {name: models[name]["parked"] for name in NAMES} == dict.fromkeys(NAMES, 1)


def test_metrics_show_it(api: Api, ill: str) -> None:
    api.get(f"/conversations/{ill}")  # of a parked one: it does not wait for what came after it
    answer = httpx.get(f"{api.address}/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert 'verbatim_up{part="command"} 1.0' in lines
    assert 'verbatim_projection_parked_conversations{read_model="messages.v1"} 1.0' in lines
    caught_up = 'verbatim_projection_lag_events{read_model="messages.v1"} 0.0'
    wait_until(lambda: caught_up in httpx.get(f"{api.address}/metrics").text.splitlines())


def test_metrics_and_health_show_the_relay(api: Api) -> None:
    api.start("relayed", "one")
    with connect(api.database.service, name="test") as connection:
        connection.execute(
            "INSERT INTO readmodels.tracking (name, position) VALUES ('relay:VERBATIM_EVENTS', %s)",
            [api.head() - 2],
        )
    streams = httpx.get(f"{api.address}/health/ready").json()["checks"]["query"]["streams"]
    assert streams["VERBATIM_EVENTS"]["lag"] == 2
    lines = httpx.get(f"{api.address}/metrics").text.splitlines()
    assert 'verbatim_relay_lag_events{stream="VERBATIM_EVENTS"} 2.0' in lines
    assert any(line.startswith("verbatim_relay_lag_seconds{") for line in lines)
    assert not any("relay:" in line for line in lines)  # it is no read model
    assert f"verbatim_log_position {float(api.head())}" in lines


def test_metrics_count_what_was_done(api: Api) -> None:
    """By route template, never by path: a client cannot make new time series."""

    def figures() -> dict[str, float]:
        text = httpx.get(f"{api.address}/metrics").text
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    route = 'route="/v1/conversations/{conversation_id}/messages"'
    appended = f'verbatim_http_requests_total{{method="POST",{route},status="201"}}'
    lost = 'verbatim_http_requests_total{method="any",route="none",status="404"}'
    api.start("counted", "x")
    before = figures()
    api.post("/conversations/counted/messages", {"role": "user", "content": "y"})
    for headers in ({}, {"X-Min-Position": "1", "X-Consistency": "eventual"}, EVENTUAL):
        api.get("/conversations/counted", headers=headers)
    api("PUT", "/teapot")
    api.get("/nowhere/at/all")
    after = figures()
    assert after[appended] - before.get(appended, 0) == 1
    assert after[lost] - before.get(lost, 0) == 2
    flushed = "verbatim_append_batch_events_sum"
    assert after[flushed] - before[flushed] == 1
    waits = "verbatim_read_wait_seconds_count"
    assert after[waits] - before[waits] == 2  # a read that does not wait is not counted
    timed = f'verbatim_http_request_seconds_count{{method="POST",{route}}}'
    assert after[timed] - before.get(timed, 0) == 1
    assert after['verbatim_database_connections{part="query",state="size"}'] >= 1
    assert not any("counted" in name or "PUT" in name or "nowhere" in name for name in after)
