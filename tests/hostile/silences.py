"""Clients that send too little, or take too little: the server has to end each of them by itself."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

DRIP = 0.2
"""Seconds between two drops."""


def silences(key: str) -> Iterator[tuple[str, list[bytes], bytes]]:
    """What is sent at first, and what then, again and again: the server must end each of these by itself."""
    bearer = b"Authorization: Bearer " + key.encode()
    head = b"POST /v1/conversations/canary/messages HTTP/1.1\r\nHost: x\r\n" + bearer + b"\r\n"
    get = b"GET /v1/conversations?limit=1 HTTP/1.1\r\nHost: x\r\n" + bearer + b"\r\n\r\n"
    yield "nothing", [], b""
    yield "half a line", [b"GET /v1"], b""
    yield "half a head", [head], b""
    yield "half a body", [head + b"Content-Length: 10\r\n\r\n12345"], b""
    yield "a head that drips", [head], b"X-A: b\r\n"
    yield "a body that drips", [head + b"Content-Length: 1000000\r\n\r\n"], b" "
    yield "chunks that drip", [head + b"Transfer-Encoding: chunked\r\n\r\n"], b"1\r\n \r\n"
    yield "empty lines", [], b"\r\n"
    yield "empty lines after an answer", [get], b"\r\n"
    yield "an answer, and no more", [get], b""
    yield (
        "a body after its answer",
        [head.replace(bearer, b"A: b") + b"Content-Length: 900000\r\n\r\n"],
        b" ",
    )
    large = b"GET /schema/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    yield "an answer that nobody takes", [large * 200], large


class Silences:
    """All of them at once, in the background, at one address."""

    def __init__(self, address: tuple[str, int], key: str) -> None:
        self._address = address
        self.open: set[str] = set()
        """Those that the server has not ended."""
        self._threads = [
            threading.Thread(target=self._keep, args=one, daemon=True) for one in silences(key)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def left(self, seconds: float) -> set[str]:
        """Those that are open after so long."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return set(self.open)

    def _keep(self, name: str, first: list[bytes], again: bytes) -> None:
        self.open.add(name)
        takes = name != "an answer that nobody takes"
        with suppress(ConnectionError), socket.socket() as connection:
            if not takes:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.connect(self._address)
            connection.settimeout(DRIP)
            for piece in first:
                with suppress(TimeoutError):
                    connection.sendall(piece)
            while True:
                with suppress(TimeoutError):
                    if takes and not connection.recv(65_536):
                        break
                    if not takes:
                        time.sleep(DRIP)
                with suppress(TimeoutError):
                    connection.sendall(again)
        self.open.discard(name)
