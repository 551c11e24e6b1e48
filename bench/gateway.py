"""What the gateway adds to a model's own time: `python -m bench.gateway [--short]`.

The same requests straight to a service that answers at once, and through the gateway, which stores the message, builds the
context, stores the answer. Through it each request brings one new message and the conversation is the gateway's; the
service alone is sent all messages, as the gateway sends them.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvloop

from bench.gateway_load import Asking, Times, measure
from bench.serving import TEXT, WORKSPACE, Process, make_key, process, start_conversations
from bench.support import machine, median, server, table, tell
from deploy.embedded.postgres import EmbeddedPostgres
from domain import ids
from eventstore.reader import LogReader
from eventstore.states import States
from services.compaction.contexts import Contexts, Reading
from services.http.tokenizers import Tokenizers
from services.settings_loading import load

MODEL = "gpt-4o"
LENGTHS = {"short": 4, "long": 200}
PAUSE = 0.1
"""Seconds that each of several clients reads an answer before it asks again."""
GOAL = 5.0
"""Milliseconds that may be added to the first chunk, at the median, beside the building of the context."""


@contextmanager
def model_service() -> Generator[int]:
    """Its port."""
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.gateway_upstream"], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    try:
        yield int(child.stdout.readline())
    finally:
        child.terminate()
        child.wait(10)


def _post(host: str, key: str, body: bytes) -> bytes:
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _body(messages: int, *, stream: bool, conversation: str | None = None) -> bytes:
    said = [{"role": "user", "content": TEXT}] * messages
    fields = {"conversation_id": conversation} if conversation else {}
    told = {**fields, "model": MODEL, "stream": stream, "messages": said}
    return json.dumps(told, separators=(",", ":")).encode()


def straight(length: int, *, stream: bool) -> Asking:
    request = _post("127.0.0.1", "none", _body(length + 1, stream=stream))
    return lambda _: request


def through(names: Sequence[str], key: str, *, stream: bool) -> Asking:
    """The conversations in turn."""
    requests = [_post("127.0.0.1", key, _body(1, stream=stream, conversation=n)) for n in names]
    return lambda number: requests[number % len(requests)]


async def _building(dsn: str, names: Sequence[str], count: int) -> list[float]:
    """Seconds of what the gateway does for a context: read the conversation, make its messages."""
    reader = LogReader(dsn, size=1)
    await reader.start()
    settings = load({}, Path("/"))
    states = States(reader, cached=settings.cached_conversations)
    contexts = Contexts(reader, Tokenizers(settings.tokenizer))
    asked = Reading(model=MODEL)
    times: list[float] = []
    try:
        for number in range(count + len(names)):
            stream = ids.stream_id(WORKSPACE, names[number % len(names)])
            began = time.perf_counter()
            state = (await states.newest(stream)).state
            assert state is not None
            live = (await contexts.loader.load(stream, state)).live(state)
            await contexts.messages(state.compaction, live, asked)
            if number >= len(names):  # the first look at each folds its state, which is then kept
                times.append(time.perf_counter() - began)
    finally:
        await reader.stop()
    return times


def _ms(seconds: Sequence[float], share: float = 0.5) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1_000


def _names(length: str, stream: bool, clients: int, count: int) -> list[str]:
    return [f"{length}-{stream:d}-{clients}-{number}" for number in range(count)]


def one_case(  # noqa: PLR0917 - what is varied
    model_port: int, at: Process, key: str, length: str, stream: bool, clients: int, effort: int
) -> list[str]:
    """Both ways, in turns, so that drifts of the machine hit both alike."""
    pause = PAUSE if clients > 1 else 0.0
    names = _names(length, stream, clients, NAMES)
    ways = {
        "straight": (model_port, straight(LENGTHS[length], stream=stream)),
        "through": (at.port, through(names, key, stream=stream)),
    }
    found: dict[str, list[Times]] = {name: [] for name in ways}
    measure(at.port, ways["through"][1], clients, len(names), 0.0)  # connections, kept states
    for _ in range(ROUNDS):
        for name, (port, asking) in ways.items():
            found[name].append(measure(port, asking, clients, effort // ROUNDS, pause))
    first = {name: [t for times in all_ for t in times.first] for name, all_ in found.items()}
    whole = {name: [t for times in all_ for t in times.whole] for name, all_ in found.items()}
    added = median([_ms(b.first) - _ms(a.first) for a, b in zip(*found.values(), strict=True)])
    tell(f"  {length}, stream {stream}, {clients} clients: {added:.2f} ms added")
    return [
        f"{LENGTHS[length]} messages, {'streamed' if stream else 'in one piece'}",
        str(clients),
        *(f"{_ms(first[name]):.2f} / {_ms(first[name], 0.99):.2f}" for name in ways),
        f"{added:.2f}",
        *(f"{_ms(whole[name]):.2f} / {_ms(whole[name], 0.99):.2f}" for name in ways),
    ]


ROUNDS = 5
NAMES = 16
"""Conversations of a case; each grows by two messages a request."""


def run(postgres: EmbeddedPostgres, requests: int) -> None:
    key = make_key(postgres)
    cases = [
        (length, stream, clients)
        for length in LENGTHS
        for stream in (True, False)
        for clients in (1, 16)
    ]
    with model_service() as model_port:
        settings = {"VERBATIM_UPSTREAM_BASE_URL": f"http://127.0.0.1:{model_port}/v1"}
        with process("command", postgres) as command:
            for length, stream, clients in cases:
                names = _names(length, stream, clients, NAMES)
                start_conversations(command, key, names, LENGTHS[length])
            for length, messages in LENGTHS.items():
                start_conversations(command, key, [f"{length}-context"], messages)
        with process("gateway", postgres, **settings) as at:
            rows = [one_case(model_port, at, key, *case, requests) for case in cases]
            before = at.cpu_seconds()
            busy = measure(
                at.port, through(_names("short", True, 16, NAMES), key, stream=True), 16, requests
            )
            cost = (at.cpu_seconds() - before) / requests * 1_000
    header = ["conversation, answer", "clients", "first: straight", "first: through", "added", "whole: straight", "whole: through"]  # fmt: skip
    print(
        f"Milliseconds, p50 / p99 of {requests} requests a case; added: median of {ROUNDS} rounds' differences at p50.\n"
    )
    table(header, rows)
    for length, messages in LENGTHS.items():
        took = uvloop.run(_building(postgres.database_url, [f"{length}-context"], 200))
        print(
            f"Building the context of {messages} messages, alone: {_ms(took):.2f} ms / {_ms(took, 0.99):.2f}."
        )
    print(
        f"16 clients without a pause: {len(busy.first) / busy.seconds:,.0f} streamed answers a second, first chunk after"
        f" {_ms(busy.first):.1f} ms / {_ms(busy.first, 0.99):.1f}; {cost:.2f} ms of the gateway's CPU an answer."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="100 requests a case instead of 1,000")
    parser.add_argument("--requests", type=int, help="of each case and way")
    given = parser.parse_args()
    print(f"`python -m bench.gateway`{' **short**' if given.short else ''}: {machine()}\n")
    with server() as postgres:
        run(postgres, given.requests or (100 if given.short else 1_000))


if __name__ == "__main__":
    main()
