"""How the import client waits and gives up: against a small server that answers what it is told."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest

from services.cli.importing import PATIENCE, ImportClient, Stopped
from services.cli.lines import BadLine, ImportLine, parse
from tests.services.cli.support import CommandLine

LINE = b'{"id":"c1","messages":[{"role":"user","content":"x"}]}'


class Scripted(ThreadingHTTPServer):
    """Answers (status, headers) one after the other, the last one for ever; keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Scripted
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        server = self.server
        server.asked.append((self.command, self.path, body))
        status, headers = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
        error = {"error": {"type": "t", "message": f"told {status}", "request_id": "r"}}
        answer = msgspec.json.encode(error if status >= 400 else {"data": {}})
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(answer))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *args: Any) -> None:
        """Quietly."""


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join(10)
    server.server_close()


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def send(url: str, clock: Clock, line: ImportLine | None = None) -> Any:
    async with ImportClient(url, "vb_key", 1, sleep=clock.sleep, clock=lambda: clock.now) as client:
        return await client.import_line(line or parse(LINE))


async def test_it_waits_as_long_as_a_busy_service_says(scripted: Scripted, clock: Clock) -> None:
    scripted.answers = [(429, {"Retry-After": "7"}), (503, {"Retry-After": "3"}), (201, {})]
    report = await send(scripted.url, clock)
    assert clock.waits == [7.0, 3.0]
    assert (report.appended, report.changed) == (1, True)
    [first, *rest] = scripted.asked
    assert first[:2] == ("POST", "/v1/conversations")
    assert msgspec.json.decode(first[2])["id"] == "c1"
    assert rest == [first, first]


async def test_a_date_in_the_header_is_a_time_to_wait_for(scripted: Scripted, clock: Clock) -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(seconds=60), usegmt=True)
    scripted.answers = [(503, {"Retry-After": until}), (503, {"Retry-After": past}), (201, {})]
    await send(scripted.url, clock)
    assert 0 < clock.waits[0] <= 60
    assert clock.waits[1:] == [0.0]


async def test_without_the_header_the_pauses_grow(scripted: Scripted, clock: Clock) -> None:
    scripted.answers = [(503, {}), (503, {"Retry-After": "soon"}), (503, {}), (201, {})]
    await send(scripted.url, clock)
    assert clock.waits == [0.1, 0.2, 0.4]


async def test_a_rate_limit_is_waited_out_however_long(scripted: Scripted, clock: Clock) -> None:
    scripted.answers = [*[(429, {"Retry-After": "60"})] * 5, (201, {})]
    await send(scripted.url, clock)
    assert sum(clock.waits) == 300 > PATIENCE


async def test_a_line_that_stays_unanswered_fails_alone(scripted: Scripted, clock: Clock) -> None:
    scripted.answers = [(503, {"Retry-After": "50"})]
    with pytest.raises(BadLine, match="told 503"):
        await send(scripted.url, clock)
    assert clock.waits == [50.0, 50.0]


async def test_any_other_refusal_is_not_repeated(scripted: Scripted, clock: Clock) -> None:
    scripted.answers = [(500, {})]
    with pytest.raises(BadLine, match="told 500"):
        await send(scripted.url, clock)
    assert (len(scripted.asked), clock.waits) == (1, [])


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_is_refused_stops_everything(
    scripted: Scripted, clock: Clock, status: int
) -> None:
    scripted.answers = [(status, {})]
    with pytest.raises(Stopped, match=f"told {status}"):
        await send(scripted.url, clock)
    assert (len(scripted.asked), clock.waits) == (1, [])


async def test_a_service_that_is_gone_stops_everything_after_a_while(clock: Clock) -> None:
    with pytest.raises(Stopped, match="does not answer"):
        await send("http://127.0.0.1:1/v1", clock)
    assert PATIENCE - 5 <= sum(clock.waits) <= PATIENCE


def test_what_was_done_is_told_when_everything_stops(scripted: Scripted, cli: CommandLine) -> None:
    scripted.answers = [(200, {}), (201, {}), (401, {})]
    cli.set(base_url=scripted.url, api_key="vb_key")
    data = LINE + b"\n" + LINE.replace(b"c1", b"c2") + b"\n"
    ended = cli("import", "-", "--concurrency", "1", stdin=data)
    assert (ended.code, ended.out) == (1, "")
    assert ended.error == (
        "told 401; 1 conversations with 1 messages imported, 0 unchanged, 0 failed;"
        " mend it and run the same command again"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"[]", "expected an object, not an array"),
        (b'{"id":"a"}', "this field is required (at messages)"),
        (b'{"id":5,"messages":[]}', "expected a string or null, not an integer (at id)"),
        (b'{"messages":[5]}', "expected an object, not an integer (at messages[0])"),
        (
            b'{"messages":[],"tilte":"x"}',
            "there is no such field here; check its name (at tilte)",
        ),
        (b"# Chats", "this is not JSON: "),
    ],
)
def test_a_line_of_another_form_is_told_in_plain_words(text: bytes, told: str) -> None:
    with pytest.raises(BadLine) as caught:
        parse(text)
    assert str(caught.value).startswith(told)
