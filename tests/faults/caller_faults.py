"""What callers do beside the clients: hang up, compact, delete."""

import socket
import time

import httpx

from tests.faults.rig import COMMANDS, QUERIES
from tests.faults.strike import Strike, patient


def hang_ups(on: Strike) -> str:
    """Clients that leave in the middle of a request, and after it, before the answer."""
    count = 0
    deadline = time.monotonic() + on.seconds
    while time.monotonic() < deadline or not count:
        port = on.rig.ports[on.one_of((*COMMANDS, *QUERIES))]
        body = b'{"role": "user", "content": "a client that hung up"}'
        path = f"/v1/conversations/nobody_{count}/messages"
        text = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {on.rig.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(text[: on.chance.randrange(1, len(text) + 1)])
        count += 1
    assert count
    return f"hung up {count} times"


def compactions(on: Strike) -> str:
    """Compaction against appends and pins, several at once."""
    done = 0
    headers = {"Authorization": f"Bearer {on.rig.key}"}
    deadline = time.monotonic() + on.seconds
    with httpx.Client(headers=headers, timeout=20, trust_env=False) as http:
        while time.monotonic() < deadline or not done:
            name = on.chance.choice(on.clients.conversations)
            url = f"{on.rig.url(on.one_of(COMMANDS))}/v1/conversations/{name}/compact"
            answer = patient(http, "POST", url, {"strategy": "sliding_window", "keep_recent": 3})
            assert answer.status_code == 200, answer.text
            done += answer.json()["data"]["messages_compacted"] > 0
    return f"compacted {done} times"


def deletions(on: Strike) -> str:
    """A conversation of its own is deleted and restored while it is read: the others do not notice."""
    headers = {"Authorization": f"Bearer {on.rig.key}"}
    name = f"{on.clients.conversations[0]}_gone"
    times = 0
    deadline = time.monotonic() + on.seconds
    with httpx.Client(headers=headers, timeout=20, trust_env=False) as http:
        one = f"{on.rig.url(on.one_of(COMMANDS))}/v1/conversations"
        read = f"{on.rig.url(on.one_of(QUERIES))}/v1/conversations/{name}"
        assert patient(http, "POST", one, {"id": name}).status_code == 201
        while time.monotonic() < deadline or not times:
            assert patient(http, "DELETE", f"{one}/{name}").status_code == 200
            assert patient(http, "GET", read).status_code == 404
            assert patient(http, "POST", f"{one}/{name}/restore").status_code == 200
            assert patient(http, "GET", read).status_code == 200
            times += 1
    return f"deleted and restored {times} times"
