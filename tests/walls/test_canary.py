"""A canary in all that callers send, over all processes: nothing that the system writes for people to read holds it.

Its proper places are the database and the answers to its owner. Searched are the logs of every process, PostgreSQL's and
NATS' with them, metrics, JetStream's own files, and what refusals say.
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from deploy.embedded.folder import DataFolder
from tests.running import RunningDev, running_dev, wait_until

CANARY = "canary5e7c3a"
MARK = "marker9b1d4f"
"""In ids, which are published and stand in paths: no log of PostgreSQL's may tell of them either."""
LONG = f"{CANARY} " + "word " * 400
PATTERNS = [CANARY.encode(), CANARY.encode().hex().encode(), CANARY.upper().encode()]
"""As text, and as PostgreSQL shows bytes."""


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running_dev(
        tmp_path_factory.mktemp("canary") / "data", VERBATIM_LOG_LEVEL="debug"
    ) as made:
        yield made


def superuser(dev: RunningDev) -> str:
    known = DataFolder(dev.path).remembered()
    return (
        f"postgresql://postgres:{known.superuser_password}@127.0.0.1:{known.postgres_port}/verbatim"
    )


def log_every_statement(dev: RunningDev) -> None:
    """As if all were slow: PostgreSQL then tells each of the services' statements in its log."""
    with psycopg.connect(superuser(dev), autocommit=True) as connection:
        connection.execute("ALTER ROLE verbatim SET log_min_duration_statement = 0")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'verbatim'"
        )


def conversation(number: int) -> dict[str, Any]:
    return {
        "id": f"c{number}",
        "title": f"title {CANARY}",
        "user_id": "u",  # ids are published, for figures to be told apart by them
        "metadata": {CANARY: CANARY},
        "compaction": {"strategy": "hybrid", "trigger_tokens": 600, "keep_recent": 2},
        "messages": [
            {"role": ("user", "assistant")[n % 2], "content": LONG, "metadata": {"m": CANARY}}
            for n in range(8)
        ],
    }


def good_requests(client: httpx.Client) -> list[httpx.Response]:
    """Each again while it is 503: connections were ended just now."""

    def ask(method: str, path: str, **more: Any) -> httpx.Response:
        found: list[httpx.Response] = []

        def answered() -> bool:
            found.append(client.request(method, path, **more))
            return found[-1].status_code != 503

        wait_until(answered)
        return found[-1]

    made = [ask("POST", "/conversations", json=conversation(n)) for n in range(3)]
    for n in range(3):
        message = {"role": "user", "content": LONG, "name": "x"}
        made.append(ask("POST", f"/conversations/c{n}/messages", json=message))
    made += [
        ask("PATCH", "/conversations/c0", json={"title": f"again {CANARY}"}),
        ask("GET", "/conversations/search", params={"q": CANARY}),
        ask("GET", "/conversations", params={"user_id": "u"}),
        ask("GET", "/conversations/c0/messages"),
        ask("GET", "/conversations/c0/context"),
        ask("POST", "/conversations/c1/compact", json={"target_tokens": 500}),
        ask("GET", "/conversations/c0/export", params={"format": "json"}),
        ask("DELETE", "/conversations/c2"),
    ]
    return made


def bad_requests(client: httpx.Client, key: str) -> list[httpx.Response]:
    """Refusals of each kind, and what makes the database complain: keys and ids that are taken, at the same time."""
    once = {"Idempotency-Key": f"key-{CANARY}"}

    def write(n: int) -> httpx.Response:
        body = {"id": f"{MARK}-{n}", "role": "user", "content": f"{n} {CANARY}"}
        return client.post("/conversations/c0/messages", json=body, headers=once)

    def same_id(n: int) -> httpx.Response:
        body = {"id": f"same-{MARK}", "role": "user", "content": f"{n} {CANARY}"}
        return client.post("/conversations/c0/messages", json=body)

    with ThreadPoolExecutor(8) as threads:
        made = [*threads.map(write, range(16)), *threads.map(same_id, range(16))]
    made += [
        client.get("/conversations", headers={"Authorization": f"Bearer {key}"}),
        client.get("/conversations", headers={"Authorization": f"Basic {CANARY}"}),
        client.get(
            "/conversations", headers={"X-Request-ID": f"{CANARY} \u00e9".encode("latin-1")}
        ),
        client.get("/conversations", params={"cursor": CANARY}),
        client.get("/conversations", params={"as_of": CANARY, CANARY: CANARY}),
        client.get("/conversations/search", params={"q": f"'\"{CANARY}--;\\"}),
        client.post("/conversations", json={CANARY: 1}),
        client.post("/conversations", content=f'{{"{CANARY}'),
        client.post("/conversations", json={"messages": [{"role": CANARY}]}),
        client.post("/conversations", json={"metadata": {"m": "\0" + CANARY}}),
        client.post("/conversations", content=CANARY * 200_000),
        client.post(
            "/chat/completions",
            json={"model": CANARY, "messages": [{"role": "user", "content": CANARY}]},
        ),
    ]
    return made


def written(dev: RunningDev) -> dict[str, bytes]:
    """By name: all files but PostgreSQL's data and what holds secrets by design."""
    kept = {"output": dev.output.encode()}
    for folder, _, names in os.walk(dev.path):
        for name in names:
            path = Path(folder) / name
            place = path.relative_to(dev.path)
            if place.parts[0] != "postgres" and name not in {"dev.json", "servers.json"}:
                kept[str(place)] = path.read_bytes()
    return kept


def test_nothing_that_is_written_holds_it(dev: RunningDev) -> None:
    log_every_statement(dev)
    key = f"vb_{CANARY[:8]}_{CANARY}{'x' * 20}abcdef"
    with httpx.Client(base_url=dev.base_url, headers=dev.headers, timeout=30) as client:
        good = good_requests(client)
        wrong = [a for a in good if a.status_code not in {200, 201}]
        assert [f"{a.request.method} {a.request.url.path} {a.text[:300]}" for a in wrong] == []
        bad = bad_requests(client, key)
        assert {a.status_code for a in bad} >= {201, 400, 401, 409, 413}
        assert [a.text for a in bad if a.status_code >= 500 and a.status_code != 503] == []
        root = dev.base_url.removesuffix("/v1")
        metrics = client.get(f"{root}/metrics").text
        health = client.get(f"{root}/health/ready").text

        def settled() -> bool:
            found = json.loads(client.get(f"{root}/health/ready").text)["checks"]["query"]
            both = [*found["read_models"].values(), *found["streams"].values()]
            return bool(found["streams"]) and all(each["lag"] == 0 for each in both)

        wait_until(settled)
        wait_until(lambda: "tokens became" in _text(dev, "compaction"))
    found = written(dev) | {"metrics": metrics.encode(), "health": health.encode()}
    found |= {f"refusal {n}": a.content for n, a in enumerate(bad) if key.encode() in a.content}
    assert {"postgres.log", "nats.log", "compaction.log", "relay.log"} <= set(found)
    assert "execute" in found["postgres.log"].decode()  # statements are told, their values are not
    leaks = [
        f"{name}: {data[max(0, at - 200) : at + 80]!r}"
        for name, data in found.items()
        for pattern in PATTERNS
        if (at := data.find(pattern)) >= 0
    ]
    assert leaks == []
    assert MARK.encode() not in found["postgres.log"]
    assert MARK.encode().hex().encode() not in found["postgres.log"]
    assert CANARY in good[0].text  # the search would find it: it was there


def _text(dev: RunningDev, process: str) -> str:
    return (dev.path / f"{process}.log").read_text("utf-8", errors="replace")
