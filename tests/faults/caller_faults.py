"""What callers do beside the clients: hang up, compact, delete."""

import itertools
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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
    deadline = time.monotonic() + on.seconds
    with _http(on) as http:
        while time.monotonic() < deadline or not done:
            name = on.chance.choice(on.clients.conversations)
            url = f"{on.rig.url(on.one_of(COMMANDS))}/v1/conversations/{name}/compact"
            answer = patient(http, "POST", url, {"strategy": "sliding_window", "keep_recent": 3})
            assert answer.status_code == 200, answer.text
            done += answer.json()["data"]["messages_compacted"] > 0
    return f"compacted {done} times"


Step = tuple[str, str, str, Any]
"""What it is, method, URL, body."""


def compactions_and_deletions(on: Strike) -> str:
    """A conversation of its own that is at once written to, pinned in, compacted, deleted and restored."""
    name = f"{on.clients.conversations[0]}_torn"
    command = f"{on.rig.url(COMMANDS[0])}/v1/conversations"
    one, messages = f"{command}/{name}", f"{command}/{name}/messages"
    said = {"role": "user", "content": "words that are to be compacted " * 20}
    at_once: list[list[Step]] = [
        [
            ("write", "POST", messages, said | {"id": "{}"}),
            ("pin", "PATCH", f"{messages}/{{}}", {"is_pinned": True}),
        ],
        [("write", "POST", messages, said)],
        [("compact", "POST", f"{one}/compact", {"strategy": "sliding_window", "keep_recent": 1})],
        [("delete", "DELETE", one, None), ("restore", "POST", f"{one}/restore", None)],
    ]
    wanted = {step[0] for steps in at_once for step in steps}
    began = time.monotonic()
    done: Counter[str] = Counter()
    wrong: list[str] = []

    def goes_on() -> bool:
        took = time.monotonic() - began
        return took < on.seconds or (took < 60 and not wanted <= done.keys())

    def keep(steps: list[Step]) -> None:
        with _http(on) as http:
            for count in itertools.count():
                for what, method, url, body in steps:
                    own = body | {"id": f"m{count}"} if body and "id" in body else body
                    answer = patient(http, method, url.format(f"m{count}"), own)
                    if answer.status_code in (200, 201):
                        done[what] += 1
                    elif answer.status_code not in (404, 409):  # deleted just now
                        wrong.append(f"{what}: {answer.status_code} {answer.text[:300]}")
                time.sleep(on.chance.uniform(0, 0.1))  # else all are in step, and pins always late
                if not goes_on():
                    return

    with _http(on) as http:
        assert patient(http, "POST", command, {"id": name}).status_code == 201
    with ThreadPoolExecutor(len(at_once)) as threads:
        list(threads.map(keep, at_once))
    assert not wrong, wrong[:3]
    assert wanted <= done.keys(), done
    return f"at once: {dict(done)}"


def _http(on: Strike) -> httpx.Client:
    headers = {"Authorization": f"Bearer {on.rig.key}"}
    return httpx.Client(headers=headers, timeout=20, trust_env=False)


def deletions(on: Strike) -> str:
    """A conversation of its own is deleted and restored while it is read: the others do not notice."""
    name = f"{on.clients.conversations[0]}_gone"
    times = 0
    deadline = time.monotonic() + on.seconds
    with _http(on) as http:
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
