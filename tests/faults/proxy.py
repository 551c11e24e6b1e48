"""A TCP proxy that can do to a connection what networks do: cut, hang, reset, delay, lose a reply."""

import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Literal, Self

Mode = Literal["pass", "drop", "hang", "delay", "swallow"]
DELAY = 0.05
"""Seconds that each piece waits in mode `delay`."""


class FaultProxy:
    """Forwards to `upstream`; `mode` is what it does to all that comes from now on.

    `drop` refuses new connections and cuts the others; `hang` forwards nothing, and says nothing, until it is
    `pass` again; `swallow` loses the next reply and cuts that connection. `hits` counts what was done so.
    """

    def __init__(self, upstream: tuple[str, int]) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.hits = 0
        self._mode: Mode = "pass"
        self._moving = threading.Event()
        self._moving.set()
        self._pairs: set[_Pair] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.set("drop")
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def set(self, mode: Mode) -> None:
        self._mode = mode
        if mode == "hang":
            self._moving.clear()
        else:
            self._moving.set()
        if mode == "drop":
            self.cut()

    def cut(self, *, reset: bool = False) -> None:
        """All open connections end, with a reset if asked: what was on its way is lost."""
        with self._lock:
            now = list(self._pairs)
        for pair in now:
            self.hits += 1
            pair.end(reset=reset)

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                if self._mode == "drop":
                    self.hits += 1
                    client.close()
                    continue
                try:
                    server = socket.create_connection(self._upstream, 5)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                pair = _Pair(client, server)
                with self._lock:
                    self._pairs.add(pair)
                for ends in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pipe, args=(pair, *ends), daemon=True).start()

    def _pipe(
        self, pair: "_Pair", source: socket.socket, target: socket.socket, replies: bool
    ) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if not self._moving.is_set():
                    self.hits += 1
                    self._moving.wait()
                if self._mode == "delay":
                    self.hits += 1
                    time.sleep(DELAY)
                if replies and self._mode == "swallow":
                    self._mode = "pass"
                    self.hits += 1
                    break
                target.sendall(data)
        pair.end()
        if pair.left():
            with self._lock:
                self._pairs.discard(pair)


class _Pair:
    """Both ends of a connection. Closed by the last of its two pipes: never while the other still uses them."""

    def __init__(self, *ends: socket.socket) -> None:
        self._ends = ends
        self._pipes = 2
        self._lock = threading.Lock()
        self._reset = False

    def end(self, *, reset: bool = False) -> None:
        """Both pipes stop."""
        for each in self._ends:
            with suppress(OSError):
                if reset:  # the close that follows sends it
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self._reset = True
                each.shutdown(socket.SHUT_RD if self._reset else socket.SHUT_RDWR)

    def left(self) -> bool:
        """A pipe has ended; whether it was the last."""
        with self._lock:
            self._pipes -= 1
            last = self._pipes == 0
        if last:
            for each in self._ends:
                each.close()
        return last
