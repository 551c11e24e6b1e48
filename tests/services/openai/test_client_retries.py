"""The official client repeats what it got no answer to: nothing is doubled."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from openai import OpenAI

from tests.services.openai.items import SAID, USER, at
from tests.services.support import Api

RETRY = {"x-stainless-retry-count": "1"}


@contextmanager
def swallowing(address: str, swallowed: int) -> Iterator[str]:
    """A proxy in front of the service: of its first answers, so many never reach the client."""
    host, _, port = address.removeprefix("http://").partition(":")
    listener = socket.create_server(("127.0.0.1", 0))
    left = iter(range(swallowed))

    def serve(client: socket.socket) -> None:
        with client, socket.create_connection((host, int(port))) as service:
            service.settimeout(20)
            while request := _whole(client):
                service.sendall(request)
                answer = _whole(service)
                if next(left, None) is not None:
                    return
                client.sendall(answer)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            client.settimeout(20)
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _whole(connection: socket.socket) -> bytes:
    """One message with a length; nothing where the other side has hung up."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (piece := connection.recv(65_536)):
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    while len(body) < sum(lengths):
        piece = connection.recv(65_536)
        data, body = data + piece, body + piece
    return data


@contextmanager
def impatient(api: Api, swallowed: int) -> Iterator[OpenAI]:
    with (
        swallowing(api.address, swallowed) as address,
        OpenAI(base_url=f"{address}/openai/v1", api_key=api.key, max_retries=3) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client(api: Api) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{api.address}/openai/v1", api_key=api.key) as made:
        yield made


@pytest.mark.parametrize("swallowed", [1, 2])
def test_items_are_not_doubled(api: Api, client: OpenAI, swallowed: int) -> None:
    made = client.conversations.create()
    head = api.head()
    with impatient(api, swallowed) as other:
        items = other.conversations.items.create(made.id, items=[USER, SAID])
    assert api.head() == head + 2
    assert [i.id for i in client.conversations.items.list(made.id, order="asc").data] == [
        i.id for i in items.data
    ]


def test_a_conversation_is_not_doubled(api: Api) -> None:
    head = api.head()
    with impatient(api, 1) as other:
        made = other.conversations.create(metadata={"team": "once"}, items=[USER])
    assert api.head() == head + 2
    assert at(api, "GET", f"/conversations/{made.id}").json()["metadata"] == {"team": "once"}


def test_the_same_items_again_are_no_retry(api: Api, client: OpenAI) -> None:
    made = client.conversations.create()
    path = f"/conversations/{made.id}/items"
    first, second = (at(api, "POST", path, json={"items": [USER]}).json() for _ in range(2))
    assert first["data"][0]["id"] != second["data"][0]["id"]
    again = at(api, "POST", path, json={"items": [USER]}, headers=RETRY)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == second
    other = at(api, "POST", path, json={"items": [SAID]}, headers=RETRY)
    assert "idempotent-replayed" not in other.headers
    assert len(client.conversations.items.list(made.id).data) == 3
