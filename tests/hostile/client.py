"""An HTTP client that sends any bytes at all, and reads answers well enough to judge them."""

import gzip
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

PATIENCE = 20.0
"""Seconds without a byte after which a connection counts as hanging."""


class Hanging(AssertionError):  # noqa: N818 - names the finding
    """Nothing came, and the connection was not closed."""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def text(self) -> str:
        packed = self.headers.get(b"content-encoding") == b"gzip"
        body = gzip.decompress(self.body) if packed else self.body
        return body.decode("utf-8", "replace")


class Wire:
    """One connection at a time to one address, opened again where it was closed."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        self._kept = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._kept = None, b""

    def ask(self, data: bytes, method: str = "GET") -> Reply | None:
        """The answer; None where the connection was closed without one. Raises Hanging."""
        fresh = self._socket is None
        try:
            self.send(data)
            found = self.reply(method)
        except (ConnectionError, BrokenPipeError):
            found = None
        if found is None:
            self.close()
            # A kept connection may have been closed just before: that is no answer to this request.
            return None if fresh else self.ask(data, method)
        closing = b"close" in found.headers.get(b"connection", b"").lower()
        if closing:
            self.close()
        return found

    def send(self, data: bytes) -> None:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, PATIENCE)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The server may answer, and close, before it has read it all: the answer counts.
        with suppress(ConnectionError):
            self._socket.sendall(data)

    def end(self) -> None:
        """Nothing more will be sent."""
        assert self._socket is not None
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def reply(self, method: str = "GET") -> Reply | None:
        """The next answer, None at the connection's end. Raises Hanging."""
        head = self._until(b"\r\n\r\n")
        while head is not None and head.startswith(b"HTTP/1.1 100"):
            head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        line, *lines = head[:-4].split(b"\r\n")
        pairs = (line.partition(b":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        status = int(line.split()[1])
        if method == "HEAD" or status in (204, 304):
            return Reply(status, headers, b"")
        if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
            return Reply(status, headers, self._chunks())
        length = headers.get(b"content-length")
        body = self._exactly(int(length)) if length is not None else self._rest()
        return Reply(status, headers, body)

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self._line().split(b";")[0], 16):
            body += self._exactly(size)
            self._line()
        self._line()
        return body

    def _line(self) -> bytes:
        line = self._until(b"\r\n")
        if line is None:
            raise ConnectionError("the answer breaks off")
        return line[:-2]

    def _exactly(self, size: int) -> bytes:
        while len(self._kept) < size:
            if not self._more():
                raise ConnectionError("the answer breaks off")
        found, self._kept = self._kept[:size], self._kept[size:]
        return found

    def _rest(self) -> bytes:
        while self._more():
            pass
        found, self._kept = self._kept, b""
        return found

    def _until(self, end: bytes) -> bytes | None:
        while end not in self._kept:
            if not self._more():
                return None
        place = self._kept.index(end) + len(end)
        found, self._kept = self._kept[:place], self._kept[place:]
        return found

    def _more(self) -> bool:
        assert self._socket is not None
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            raise Hanging(f"no byte in {PATIENCE:g} s") from None
        except ConnectionError:
            return False
        self._kept += data
        return bool(data)
