"""dev.json: there while everything answers, right, private, and gone afterwards."""

import json
import os
import socket
import stat
import subprocess
import time
from pathlib import Path

import httpx
import nats
import psycopg
import pytest

from eventstore.connect import connect
from services.http import keys
from tests.deploy.support import alive, append, client, command_of, texts
from tests.running import (
    DEV,
    RunningDev,
    output_of,
    ready_dev,
    running_dev,
    start_dev,
    stop_dev,
    wait_until,
)

MEANT_FOR_OTHERS = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
    "PGSSLMODE": "require",
    "PGHOSTADDR": "192.0.2.1",
    "PGOPTIONS": "-c synchronous_commit=off",
    "PGPORT": "1",
    "PGSERVICE": "other",
}
"""Proxies and libpq's variables must not keep it from reaching its own servers."""


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("file") / "data"
    process = start_dev(path, **MEANT_FOR_OTHERS)
    try:
        wait_until((path / "dev.json").exists, 90, lambda: output_of(path))
        at_once = answers_of(path)  # before anything else: this is what the file promises
        running = ready_dev(path, process)
        assert at_once == [200] * 3
        yield running
    finally:
        stop_dev(process)


def answers_of(path: Path) -> list[int]:
    told = json.loads((path / "dev.json").read_bytes())
    headers = {"Authorization": f"Bearer {told['api_key']}"}
    address = told["base_url"].removesuffix("/v1")
    urls = [f"{told['base_url']}/conversations", told["docs_url"], f"{address}/health/ready"]
    return [httpx.get(url, headers=headers, trust_env=False).status_code for url in urls]


def test_only_its_owner_may_read_it(dev: RunningDev) -> None:
    for name in ("dev.json", "dev-key", "servers.json", "lock"):
        assert stat.S_IMODE((dev.path / name).stat().st_mode) == 0o600, name


def test_it_says_what_runs(dev: RunningDev) -> None:
    told = json.loads((dev.path / "dev.json").read_bytes())
    assert set(told) == {"base_url", "api_key", "docs_url", "nats_url", "database_url", "pids"}
    assert told["base_url"].endswith("/v1")
    pids = told["pids"]
    rooms = {"command", "query", "gateway"}
    assert set(pids) == {
        "dev",
        "postgres",
        "nats",
        "projections",
        "projections-search",
        "relay",
        "compaction",
        *rooms,
    }
    assert pids["dev"] == dev.process.pid
    for name, told_by_kernel in {
        "postgres": "bin/postgres -D",
        "nats": "nats-server -c",
        "projections": "services.cli projections run",
        "projections-search": "services.cli projections run search",
        "relay": "services.cli relay run",
        "compaction": "services.cli compaction run",
        "command": "services.cli serve",
        "query": "services.cli serve",
        "gateway": "services.cli serve",
    }.items():
        assert told_by_kernel in command_of(pids[name])
        assert alive(pids[name])


async def test_its_addresses_answer(dev: RunningDev) -> None:
    with psycopg.connect(dev.database_url) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("verbatim",)
    connected = await nats.connect(dev.nats_url, allow_reconnect=False)
    assert (await connected.jetstream().account_info()).streams >= 0
    await connected.close()
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(dev.docs_url)).status_code == 200


def test_its_key_may_do_all_of_its_workspace_without_a_limit(dev: RunningDev) -> None:
    with connect(dev.database_url, name="test") as connection:
        assert keys.opens_all(connection, dev.api_key, "dev")
    with client(dev) as http:
        answer = http.get("/conversations")
        assert answer.status_code == 200
        assert int(answer.headers["x-ratelimit-limit"]) == 1_000_000_000
    append(dev, "mine", "one")
    assert texts(dev, "mine") == ["one"]


def test_a_long_conversation_is_compacted_by_itself(dev: RunningDev) -> None:
    """Append past the trigger over HTTP: relay, NATS and worker do the rest."""
    policy = {"strategy": "hybrid", "trigger_tokens": 500, "keep_recent": 4}
    texts = [
        f"Order {n} left Rotterdam with parcel code ZX-{n}-Q on 2026-03-14." for n in range(30)
    ]
    with client(dev) as http:
        made = http.post("/conversations", json={"id": "long", "compaction": policy})
        assert made.status_code == 201, made.text
        for text in texts:
            message = {"role": "user", "content": text}
            assert http.post("/conversations/long/messages", json=message).status_code == 201

        def shrunk() -> bool:
            return len(http.get("/conversations/long/summaries").json()["data"]) > 0

        wait_until(shrunk, 60, lambda: dev.output)
        shown = http.get("/conversations/long").json()["data"]
        assert shown["context_tokens"] < 500
        assert shown["message_count"] == 30


def test_a_stale_one_goes_before_anything_starts(tmp_path: Path) -> None:
    """A start that fails at once has removed it, and has started nothing."""
    path = tmp_path / "data"
    path.mkdir()
    (path / "dev.json").write_text('{"base_url": "http://127.0.0.1:9/v1"}')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = start_dev(path, VERBATIM_PORT=port)
        assert process.wait(30) == 2
    assert sorted(entry.name for entry in path.iterdir()) == ["lock", "servers.json"]
    (line,) = output_of(path).splitlines()
    assert port in line
    assert "VERBATIM_PORT" in line


@pytest.mark.parametrize("change", ["none", "revoked", "narrowed", "limited", "other", "noise"])
def test_a_key_that_no_longer_opens_everything_is_replaced(dev: RunningDev, change: str) -> None:
    """By this the start decides whether to keep the last one's."""
    kind = {"workspace": "dev", "name": "x", "scopes": list(keys.SCOPES), "unlimited": True}
    kind |= {
        "narrowed": {"scopes": ["read"]},
        "limited": {"unlimited": False},
        "other": {"workspace": "other"},
    }.get(change, {})
    with connect(dev.database_url, name="test") as connection:
        key, record = keys.create(connection, **kind)
        if change == "revoked":
            keys.revoke(connection, record.id)
        if change == "noise":
            key = key[:-1]
        assert keys.opens_all(connection, key, "dev") == (change == "none")


def test_two_launchers_on_one_folder(dev: RunningDev) -> None:
    """The second says whose it is and leaves all as it was."""
    second = subprocess.run(
        DEV,
        env=os.environ | {"VERBATIM_DATA_DIR": str(dev.path), "VERBATIM_PORT": "0"},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == 2
    (line,) = second.stderr.splitlines()
    assert f"in use by process {dev.process.pid}" in line
    assert "VERBATIM_DATA_DIR" in line
    assert second.stdout == ""
    assert answers_of(dev.path) == [200] * 3


def test_a_second_start(dev: RunningDev) -> None:
    """On the same data, the same addresses of servers; a key that was revoked meanwhile is replaced."""
    append(dev, "earlier", "kept")
    made = (dev.path / "postgres" / "PG_VERSION").stat()
    with connect(dev.database_url, name="test") as connection:
        for record in keys.listed(connection, "dev"):
            keys.revoke(connection, record.id)
    assert stop_dev(dev.process) == 0
    assert not (dev.path / "dev.json").exists()
    begun = time.monotonic()
    with running_dev(dev.path) as again:
        print(f"second start: {time.monotonic() - begun:.2f} s")
        assert (again.database_url, again.nats_url) == (dev.database_url, dev.nats_url)
        assert again.api_key != dev.api_key
        assert texts(again, "earlier") == ["kept"]
        now = (dev.path / "postgres" / "PG_VERSION").stat()
        assert (now.st_ino, now.st_mtime_ns) == (made.st_ino, made.st_mtime_ns)
