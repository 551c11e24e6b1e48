"""The contestants over HTTP, a process each: `python -m bench.http_apps NAME`; prints its port on standard output.

The settings are the environment's (`VERBATIM_…`). All but `usual` run on the service's own server with its settings:

- `bare`: an ASGI function that reads the body and answers;
- `nothing`: the route in Litestar as the service uses it (the request in, ready bytes out): decode, answer;
- `usual`: the same route on uvicorn as it comes, which most applications in Litestar run on: without our server's shorter ways;
- `litestar`: the route as Litestar's documentation writes it: a struct in, a struct out;
- `stock`: the route as in `nothing`, then the library's recorder in threads;
- `command`, `query`, `gateway`, `typed`: the service; the last with reads that build objects from rows.
"""

import argparse
import asyncio
import os
import socket
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
import uvloop
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder
from litestar import Litestar, Request, post

from bench.contestants import TOPIC
from bench.typed_reads import with_typed_reads
from eventstore.recorder import datastore
from services import logs
from services.command.requests import MessageIn
from services.ending import stop_on_signals
from services.http.decode import body_decoder
from services.http.edge import App
from services.http.response import Ready
from services.http.server import serve, settle_memory
from services.listening import listen
from services.processes import ROOMS, Room, http_app
from services.settings import Settings
from services.settings_loading import load

PATH = "/v1/conversations/{conversation_id:str}/messages"
ANSWER = b'{"data":{"id":"msg_0192f0c1a2b37c4d8e5f60718293a4b5","conversation_id":"c-1","sequence":1,"role":"user","content":"%s","tool_calls":null,"tool_call_id":null,"name":null,"model":null,"finish_reason":null,"extra":null,"input_tokens":84,"output_tokens":0,"cost_cents":null,"token_count":84,"metadata":{},"created_at":"2026-01-01T00:00:00.000000Z","is_pinned":false,"is_compacted":false}}'
BODY = ANSWER % (b"lorem ipsum dolor sit amet " * 15)[:400]
STOCK_THREADS = 8
"""More make the recorder slower (measured: 8 give it 1,250 appends a second, 32 give 950)."""

AnyRequest = Request[Any, Any, Any]


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """What the server itself costs."""
    del scope
    while (await receive()).get("more_body", False):
        pass
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(BODY)),
    ]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


def nothing() -> App:
    decode = body_decoder(MessageIn)

    @post(PATH)
    async def append(request: AnyRequest) -> Ready:
        decode(await request.body())
        return Ready(BODY, 201, [(b"content-type", b"application/json")])

    return _plain(append)


class _Sent(msgspec.Struct):
    role: str
    content: str


class _Shown(msgspec.Struct):
    data: dict[str, Any]


def litestar() -> App:
    shown = msgspec.json.decode(BODY, type=_Shown)

    @post(PATH)
    async def append(conversation_id: str, data: _Sent) -> _Shown:
        del conversation_id, data
        return shown

    return _plain(append)


def stock(dsn: str) -> App:
    """Each conversation's version is kept in memory: no read before the append."""
    decode = body_decoder(MessageIn)
    store = datastore(dsn, pool_size=STOCK_THREADS, max_overflow=2)
    recorder = PostgresApplicationRecorder(store, events_table_name="stock_events")
    recorder.create_table()
    pool = ThreadPoolExecutor(STOCK_THREADS)
    versions: defaultdict[str, int] = defaultdict(int)
    run = os.getpid()

    @post(PATH)
    async def append(request: AnyRequest) -> Ready:
        body = await request.body()
        decode(body)
        stream = f"{run}:{request.path_params['conversation_id']}"
        versions[stream] += 1
        event = StoredEvent(stream, versions[stream], TOPIC, body)
        await asyncio.get_running_loop().run_in_executor(pool, recorder.insert_events, [event])
        return Ready(BODY, 201, [(b"content-type", b"application/json")])

    return _plain(append)


def _plain(route: Any) -> App:
    app: Any = Litestar(route_handlers=[route], openapi_config=None, logging_config=None)
    return app


def _app(name: str, settings: Settings) -> AbstractAsyncContextManager[App]:
    match name:
        case "bare":
            return nullcontext(bare)
        case "nothing" | "usual":
            return nullcontext(nothing())
        case "litestar":
            return nullcontext(litestar())
        case "stock":
            return nullcontext(stock(settings.migrate_database_url))
        case "typed":
            return with_typed_reads(settings)
        case _:
            rooms: dict[str, Room] = {room: room for room in ROOMS}
            return http_app(settings, (rooms[name],))


async def _run(name: str, settings: Settings) -> None:
    listener = listen("127.0.0.1", 0)
    async with _app(name, settings) as app:
        settle_memory()
        print(listener.getsockname()[1], flush=True)
        if name == "usual":
            await _serve_as_usual(app, listener)
        else:
            await serve(app, listener, stop_on_signals())


async def _serve_as_usual(app: Any, listener: socket.socket) -> None:
    """Its fastest parser, and no log of accesses."""
    config = uvicorn.Config(app, http="httptools", log_config=None, access_log=False)
    await uvicorn.Server(config).serve(sockets=[listener])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    name: str = parser.parse_args().name
    settings = load(os.environ, Path("/"))
    logs.set_up(settings)
    uvloop.run(_run(name, settings))


if __name__ == "__main__":
    main()
