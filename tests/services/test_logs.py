"""Logs: one JSON object a request; never a message's text, never a key."""

import asyncio
import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from deploy.embedded.folder import free_port
from services import logs
from services.settings import Settings
from tests.servers import Database
from tests.services.support import new_key, projecting

CANARY = "canary-7f3a"


@contextmanager
def service(database: Database, **settings: str) -> Iterator[tuple[httpx.Client, list[str]]]:
    """The program itself; its log's lines are there when the context ends."""
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if "VERBATIM" not in name} | {
        "VERBATIM_DATABASE_URL": database.service,
        "VERBATIM_PORT": str(port),
        **{f"VERBATIM_{name.upper()}": value for name, value in settings.items()},
    }
    program = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "serve"], env=environ, stderr=subprocess.PIPE
    )
    lines: list[str] = []
    key = new_key(database.service)
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"authorization": f"Bearer {key}"},
        ) as client:
            _await(client)
            yield client, lines
    finally:
        program.send_signal(signal.SIGTERM)
        _, err = program.communicate(timeout=30)
    lines += err.decode().splitlines()
    assert program.returncode == 0, err


def _await(client: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            client.get("/health/live")
        except httpx.TransportError:
            assert time.monotonic() < deadline
        else:
            return


def test_a_request_is_one_line_without_text_or_key(database: Database) -> None:
    with (
        projecting(database.service),
        service(database, log_level="debug") as (client, lines),
    ):
        key = client.headers["authorization"].partition(" ")[2]
        body = {
            "id": "logged",
            "title": f"title {CANARY}",
            "user_id": CANARY,
            "metadata": {"m": CANARY},
            "messages": [{"role": "user", "content": f"text {CANARY}", "name": CANARY}],
        }
        asked = [
            client.post("/v1/conversations", json=body, headers={"idempotency-key": CANARY}),
            client.get("/v1/conversations/logged"),
            client.get("/v1/conversations", params={"user_id": CANARY}),
            client.post("/v1/conversations", json={**body, "id": CANARY[::-1], CANARY: 1}),
            client.post("/v1/conversations", content=f'{{"{CANARY}'),
            client.post("/v1/conversations", json={"messages": [{"role": CANARY}]}),
            client.get("/v1/conversations", headers={"authorization": f"Bearer vb_{CANARY}"}),
            client.get("/v1/conversations", headers={"x-request-id": f"bad {CANARY}"}),
            client.get("/v1/nowhere", headers={"x-request-id": "req-mine"}),
        ]
    assert [answer.status_code for answer in asked] == [
        *(201, 200, 200, 400, 400, 400, 401, 200, 404)
    ]
    records = [json.loads(line) for line in lines]
    access = [
        record
        for record in records
        if record["logger"] == "verbatim.access" and "/health/" not in record["message"]
    ]
    assert len(access) == len(asked)
    for record, answer in zip(access, asked, strict=True):
        assert record["request_id"] == answer.headers["x-request-id"]
        path = answer.request.url.path
        assert record["message"] == f"{answer.request.method} {path} {answer.status_code}"
        assert record["level"] == "info"
        assert record["ms"] > 0
        known = answer.status_code != 401
        assert record["workspace"] == ("acme" if known else None)
        assert (record["key_id"] or "").startswith("key_") is known
    whole = "\n".join(lines)
    for secret in (CANARY, key, key[12:], database.service, database.service.split("@")[0]):
        assert secret not in whole
    # The canary does reach the answers: the search above would find it.
    assert CANARY in asked[0].text


def test_a_level_above_info_keeps_requests_out(database: Database) -> None:
    """Before any projector has run, too: a read is then told to wait, which is no error of ours."""
    with service(database, log_level="warning") as (client, lines):
        assert client.post("/v1/conversations", json={"id": "c"}).status_code == 201
        for path in ("/v1/conversations", "/v1/conversations/c", "/v1/conversations/c/messages"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert "verbatim projections run" in answer.json()["error"]["message"]
            assert int(answer.headers["retry-after"]) >= 1
    assert lines == []


def record(message: str, *values: Any, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("verbatim.test", logging.WARNING, "", 0, message, values, None)
    made.__dict__.update(more)
    return made


def test_a_line_stays_one_line_whatever_is_in_it() -> None:
    text = logs.JsonFormatter().format(record("a %s", "b\nc\x1b\0"))
    assert "\n" not in text
    assert json.loads(text)["message"] == "a b\nc\x1b\0"


def test_the_fields_of_a_json_line() -> None:
    line = json.loads(logs.JsonFormatter().format(record("a", created=0.5, fields={"ms": 1.5})))
    assert line == {
        "time": "1970-01-01T00:00:00.500000Z",
        "level": "warning",
        "logger": "verbatim.test",
        "message": "a",
        "ms": 1.5,
    }


def test_an_error_brings_its_trace_in_either_form() -> None:
    error = ValueError("told")
    failed = record("a", exc_info=(ValueError, error, None))
    line = logs.JsonFormatter().format(failed)
    assert "\n" not in line
    assert "ValueError: told" in json.loads(line)["exception"]
    assert "ValueError: told" in logs.TextFormatter().format(failed)


def test_text_is_for_people() -> None:
    text = logs.TextFormatter().format(record("a", created=0.5, fields={"ms": 1.5, "key": None}))
    assert text == "00:00:00.500 warning a ms=1.5"


@pytest.mark.parametrize(
    ("form", "terminal", "formatter"),
    [
        ("auto", True, logs.TextFormatter),
        ("auto", False, logs.JsonFormatter),
        ("text", False, logs.TextFormatter),
        ("json", True, logs.JsonFormatter),
    ],
)
def test_the_form_follows_the_setting_and_the_terminal(
    monkeypatch: pytest.MonkeyPatch, form: Any, terminal: bool, formatter: type
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.set_up(Settings(log_format=form, log_level="error"))
        [handler] = root.handlers
        assert isinstance(handler.formatter, formatter)
        logging.getLogger("verbatim.test").warning("not this")
        logging.getLogger("verbatim.test").error("this")
        assert "this" in stream.getvalue()
        assert "not" not in stream.getvalue()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


async def test_lines_of_one_turn_go_out_together_and_in_order(monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    lines = logs.JsonLines()
    lines.write(b'{"n":1}')
    lines.write(b'{"n":2}')
    assert not written.getvalue()
    lines.emit(logging.LogRecord("x", logging.INFO, "", 0, "n3", None, None))
    lines.write(b'{"n":4}')
    await asyncio.sleep(0)
    found = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line.get("n") or line["message"] for line in found] == [1, 2, "n3", 4]


async def test_lines_that_wait_go_out_when_the_program_ends(monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    lines = logs.JsonLines()
    lines.write(b'{"n":1}')
    lines.flush()  # what logging.shutdown does
    assert written.getvalue() == '{"n":1}\n'
