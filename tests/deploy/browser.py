"""A headless Chromium, spoken to over its DevTools protocol: what a page asks for, what it shows."""

import itertools
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
from websockets.sync.client import ClientConnection, connect

from tests.running import wait_until

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-default-apps", "--metrics-recording-only"),
    # Whatever it would ask of anybody but this machine cannot be found.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)
PATIENCE = 60.0


class Page:
    """One page; `requests` and `trouble` are what it has asked for and complained of."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self.requests: list[str] = []
        self.trouble: list[str] = []
        for domain in ("Network", "Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def open(self, url: str) -> None:
        told = self._call("Page.navigate", url=url)
        assert "errorText" not in told, told

    def run(self, script: str) -> Any:
        """What the expression gives in the page."""
        told = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, script: str) -> None:
        """Until the expression is true in the page."""
        wait_until(lambda: bool(self.run(script)), PATIENCE, lambda: f"{script}: {self.trouble}")

    def click(self, selector: str) -> None:
        self.wait(f"document.querySelector({selector!r}) !== null")
        self.run(f"document.querySelector({selector!r}).click()")

    def _call(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        self._connection.send(
            msgspec.json.encode({"id": number, "method": method, "params": params}).decode()
        )
        while True:
            told = msgspec.json.decode(self._connection.recv(PATIENCE))
            if told.get("id") == number:
                assert "error" not in told, (method, told)
                return told["result"]
            self._heard(told["method"], told["params"])

    def _heard(self, event: str, params: Any) -> None:
        match event:
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Network.webSocketCreated":
                self.requests.append(params["url"])
            case "Runtime.exceptionThrown":
                self.trouble.append(str(params["exceptionDetails"]))
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.trouble.append(params["entry"]["text"])
            case _:
                pass


@contextmanager
def page(program: str, folder: Path) -> Iterator[Page]:
    """A page of a fresh Chromium whose profile is in `folder`."""
    profile = folder / "profile"
    with (folder / "chromium.log").open("wb") as log:
        child = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"], stdout=log, stderr=log
        )
    try:
        told = profile / "DevToolsActivePort"

        def ready() -> bool:
            assert child.poll() is None, (folder / "chromium.log").read_text("utf-8")
            return told.exists() and told.read_text("ascii").count("\n") > 0

        wait_until(ready, PATIENCE, lambda: "Chromium opens no port")
        port = told.read_text("ascii").splitlines()[0]
        targets = httpx.get(f"http://127.0.0.1:{port}/json/list", trust_env=False).json()
        url = next(t["webSocketDebuggerUrl"] for t in targets if t["type"] == "page")
        with connect(url, max_size=None, proxy=None) as connection:
            yield Page(connection)
    finally:
        child.terminate()
        child.wait(20)
