"""What tests of running processes ask and do."""

import os
import secrets
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import httpx

from tests.running import RunningDev, wait_until


def alive(pid: int) -> bool:
    """Whether it still runs; one that has ended and waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(") ")[2][:1]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def descendants(pid: int) -> set[int]:
    """All processes below this one, of whatever session."""
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        for task in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            try:
                children = [int(child) for child in task.read_text("utf-8").split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
            found.update(children)
            waiting += children
    return found


def all_gone(pids: Iterable[int], seconds: float = 10.0) -> None:
    pids = list(pids)
    wait_until(
        lambda: not any(map(alive, pids)),
        seconds,
        lambda: f"still there: {[command_of(pid) for pid in pids if alive(pid)]}",
    )


def kill_all(pids: Iterable[int]) -> None:
    """kill -9; some die by themselves once the first is gone."""
    pids = list(pids)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    all_gone(pids)


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return str(pid)


def append(dev: RunningDev, conversation: str, text: str) -> None:
    """A message, acknowledged; makes the conversation with the first. What is not there just now is asked again."""
    message = {"role": "user", "content": text, "id": f"msg_{secrets.token_hex(8)}"}
    one = f"/conversations/{conversation}/messages"
    with client(dev) as http:

        def acknowledged() -> bool:
            try:
                answer = http.post(one, json=message)
                if answer.status_code == 404:
                    whole = {"id": conversation, "messages": [message]}
                    answer = http.post("/conversations", json=whole)
            except httpx.TransportError:  # nobody there just now
                return False
            assert answer.status_code in (200, 201, 503), answer.text
            return answer.status_code != 503

        wait_until(acknowledged, 60)


def texts(dev: RunningDev, conversation: str) -> list[str]:
    """Of all its messages; what is not there just now is asked again."""
    with client(dev) as http:
        answers: list[httpx.Response] = []

        def answered() -> bool:
            try:
                answers.append(http.get(f"/conversations/{conversation}/messages?limit=100"))
            except httpx.TransportError:
                return False
            assert answers[-1].status_code in (200, 503), answers[-1].text
            return answers[-1].status_code == 200

        wait_until(answered, 60)
    return [message["content"] for message in answers[-1].json()["data"]]


def client(dev: RunningDev) -> httpx.Client:
    return httpx.Client(base_url=dev.base_url, headers=dev.headers, timeout=10, trust_env=False)
