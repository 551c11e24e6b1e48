"""Appends on the bare wire, and whether the short way took them."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.http import keys
from services.http.cycle import Cycle
from services.http.edge import Way
from services.http.lane import Lane
from tests.hostile.client import Reply, Wire
from tests.services.support import Api


class Watched:
    """What the lane was asked for, and whether it took it."""

    def __init__(self) -> None:
        self.taken: list[bool] = []


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    watched = Watched()
    takes = Lane.takes
    for name in ("FRESH_SECONDS", "TRUSTED_SECONDS"):  # a slow machine forgets no key
        monkeypatch.setattr(keys, name, 3_600)

    def watch(lane: Lane, cycle: Cycle, way: Way, tasks: set[Any]) -> bool:
        taken = takes(lane, cycle, way, tasks)
        watched.taken.append(taken)
        return taken

    monkeypatch.setattr(Lane, "takes", watch)
    return watched


@pytest.fixture
def wire(api: Api) -> Iterator[Wire]:
    with wire_to(api) as made:
        yield made


def wire_to(api: Api) -> Wire:
    parts = urlsplit(api.address)
    return Wire((parts.hostname or "", parts.port or 0))


def request(
    api: Api, name: str, body: bytes | dict[str, Any], *lines: str, key: str | None = None
) -> tuple[bytes, bytes]:
    """Head and body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [
        f"POST /v1/conversations/{name}/messages HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {key or api.key}",
        f"Content-Length: {len(raw)}",
        *lines,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n", raw


def ask(api: Api, wire: Wire, name: str, body: bytes | dict[str, Any], *lines: str) -> Reply:
    reply = wire.ask(b"".join(request(api, name, body, *lines)))
    assert reply is not None
    return reply


def begun(api: Api, name: str, watched: Watched) -> None:
    """A conversation that the process knows, a key that it believes."""
    api.start(name)
    api.get(f"/conversations/{name}").raise_for_status()
    watched.taken.clear()


def said(reply: Reply) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reply.text)
    return found


def metrics(api: Api) -> str:
    return api.client.get(f"{api.address}/metrics").text
