"""A service of models that answers at once: `python -m bench.gateway_upstream`; prints its port on standard output.

The stream's first chunk is a write of its own, the rest follows in a second one.
"""

import asyncio
import json
import socket
from typing import Any

import uvloop
from typing_extensions import override

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "
TEXT = "An answer of a sentence, as a model would give it to a short question. " * 4


def _json(kind: str, choice: dict[str, Any], **more: Any) -> bytes:
    told = {"id": "chatcmpl-bench", "object": kind, "created": 1_760_000_000, "model": "gpt-4o"}
    return json.dumps({**told, "choices": [{"index": 0, **choice}], **more}).encode()


def _events(*payloads: bytes) -> bytes:
    """As one piece of a chunked body."""
    events = b"".join(b"data: %s\n\n" % payload for payload in payloads)
    return b"%x\r\n%s\r\n" % (len(events), events)


USAGE = {"prompt_tokens": 100, "completion_tokens": 60, "total_tokens": 160}
_MESSAGE = {"role": "assistant", "content": TEXT}
_BODY = _json("chat.completion", {"message": _MESSAGE, "finish_reason": "stop"}, usage=USAGE)
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(_BODY),
    _BODY,
)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_CHUNK = "chat.completion.chunk"
FIRST = _HEAD + _events(_json(_CHUNK, {"delta": _MESSAGE, "finish_reason": None}))
REST = (
    _events(
        _json(_CHUNK, {"delta": {"content": TEXT}, "finish_reason": None}),
        _json(_CHUNK, {"delta": {}, "finish_reason": "stop"}, usage=USAGE),
        b"[DONE]",
    )
    + b"0\r\n\r\n"
)


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._transport: Any = None
        self._held = bytearray()

    @override
    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        self._held += data
        end = self._held.find(HEAD_END)
        if end < 0:
            return
        head = bytes(self._held[:end]).lower()
        at = head.find(LENGTH) + len(LENGTH)
        if len(self._held) < end + 4 + int(head[at:].partition(b"\r")[0]):
            return
        streams = b'"stream":true' in self._held
        self._held.clear()
        if streams:
            self._transport.write(FIRST)
            asyncio.get_running_loop().call_soon(self._transport.write, REST)
        else:
            self._transport.write(WHOLE)


async def _run() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    server = await asyncio.get_running_loop().create_server(_Connection, sock=listener)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_run())
