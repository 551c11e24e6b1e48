"""A server that speaks as a model's does, well or badly: on a real socket."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Model:
    """`behaviour` is how it answers next; what it was asked is kept. A slow answer waits for `release`."""

    def __init__(self) -> None:
        self.behaviour = "well"
        self.text = "They agreed on parcel ZX-4711 for Tuesday."
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.arrived = threading.Event()
        self.release = threading.Event()
        self.address = ""

    def afresh(self) -> None:
        self.behaviour = "well"
        self.asked.clear()
        self.headers.clear()
        self.arrived.clear()
        self.release.clear()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                model.asked.append(json.loads(body) | {"path": self.path})
                model.headers.append(dict(self.headers))
                model.arrived.set()
                model.answer(self)

            def do_GET(self) -> None:
                model.asked.append({"path": self.path})
                self.send_error(404)

            def log_message(self, *args: Any) -> None:
                pass

        return Handler

    def answer(self, to: BaseHTTPRequestHandler) -> None:  # noqa: C901 - one branch a behaviour
        match self.behaviour:
            case "well":
                self.say(to, self.text)
            case "slowly":
                self.release.wait(60)
                self.say(to, self.text)
            case "fails once":
                self.behaviour = "well"
                self.send(to, 503, b"busy")
            case "error":
                self.send(to, 500, b'{"error": {"message": "SECRET of the server"}}')
            case "refusal":
                self.send(to, 401, b'{"error": "bad key"}')
            case "nothing":
                self.say(to, "")
            case "null":
                self.say(to, None)
            case "blank body":
                self.send(to, 200, b"")
            case "no json":
                self.send(to, 200, b"<html>hello</html>")
            case "no choices":
                self.send(to, 200, b'{"choices": []}')
            case "error text":
                self.say(to, "I'm sorry, but I can't help with that.")
            case "too long":
                self.say(to, "word " * 20_000)
            case "cut off":
                self.say(to, self.text, finish="length")
            case "filtered":
                self.say(to, self.text, finish="content_filter")
            case "redirect":
                self.send(to, 302, b"", location=f"{self.address}/elsewhere")
            case "cut connection":
                to.send_response(200)
                to.send_header("content-length", "1000")
                to.end_headers()
                to.wfile.write(b'{"choices": [')
                to.wfile.flush()
                to.connection.shutdown(socket.SHUT_RDWR)
            case other:
                raise AssertionError(other)

    def say(self, to: BaseHTTPRequestHandler, text: str | None, finish: str = "stop") -> None:
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
        self.send(to, 200, json.dumps({"choices": [choice]}).encode())

    def send(self, to: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
        try:
            to.send_response(status)
            to.send_header("content-type", "application/json")
            to.send_header("content-length", str(len(body)))
            for name, value in headers.items():
                to.send_header(name, value)
            to.end_headers()
            to.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # whoever asked has gone


@contextmanager
def running_model() -> Iterator[Model]:
    model = Model()
    server = ThreadingHTTPServer(("127.0.0.1", 0), model.handler())
    server.daemon_threads = True
    model.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, name="model")
    thread.start()
    try:
        yield model
    finally:
        model.release.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
