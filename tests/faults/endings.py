"""Processes that are told to end, and a PostgreSQL that says nothing."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from deploy.embedded.folder import free_port
from tests.deploy.support import descendants
from tests.faults.chats import Chats
from tests.faults.rig import Rig, signal_all
from tests.faults.strike import Fault, Strike, state_of
from tests.running import wait_until
from tests.services.gateway.model_server import model_server

END_SECONDS = 10.0
"""In which a process that is told to end has ended."""
ANSWER_SECONDS = 25.0
"""In which a request is answered, whatever the database does."""


def stopped(names: tuple[str, ...]) -> Fault:
    """SIGTERM, as in a rolling deploy; started again later."""

    def strike(on: Strike) -> str:
        name = on.one_of(names)
        took = end(on.rig, name)
        assert on.rig.processes[name].returncode == 0, on.rig.log(name)
        on.last()
        on.rig.start(name)
        on.rig.wait(name)
        return f"told {name} to end, gone in {took:.1f} s"

    return strike


def gateway_stopped(on: Strike) -> str:
    """SIGTERM of a gateway of its own whose streams are open: they end with a word, and what was shown is kept."""
    rig, name = on.rig, "gateway"
    with model_server() as models:
        rig.ports[name] = free_port()
        rig.start(name, VERBATIM_UPSTREAM_BASE_URL=models.base_url)
        try:
            rig.wait(name)
            run = f"{on.clients.conversations[0]}_chats"
            with Chats(rig, name, run, models) as chats:
                wait_until(lambda: chats.count("done") >= 4 and len(chats.open) > 2, 60)
                took = end(rig, name)
                assert rig.processes[name].returncode == 0, rig.log(name)
                before = chats.count("done")
                rig.start(name, VERBATIM_UPSTREAM_BASE_URL=models.base_url)
                rig.wait(name)
                on.last()
                wait_until(lambda: chats.count("done") >= before + 4, 60)
                chats.stop()
                end(rig, name)
        finally:
            rig.kill(name)
            del rig.processes[name], rig.ports[name]
    broken = list(chats.broken())
    assert not broken, broken[:3]
    assert chats.count("interrupted") >= 2, chats.told
    return (
        f"told a gateway to end, gone in {took:.1f} s; {chats.count('done')} answers whole,"
        f" {chats.count('interrupted')} interrupted, {chats.count('refused')} refused"
    )


def end(rig: Rig, name: str) -> float:
    """How many seconds it took."""
    began = time.monotonic()
    rig.signal(name, signal.SIGTERM)
    rig.processes[name].wait(END_SECONDS)
    return time.monotonic() - began


def postgres_silent(on: Strike) -> str:
    """Frozen for so long that every patience ends: requests and readiness say 503, processes can be ended."""
    rig = on.rig
    child = rig.postgres.child
    assert child is not None
    pids = [child.pid, *descendants(child.pid)]
    signal_all(pids, signal.SIGSTOP)
    try:
        wait_until(lambda: state_of(child.pid) == "T", 30)
        for answer in _asked(on):
            assert answer.status_code == 503, answer.text
            assert "retry-after" in answer.headers, answer.text
        names = ("command-1", "query-1", "projections", "relay", "compaction")
        with ThreadPoolExecutor(len(names)) as threads:
            took = max(threads.map(lambda name: end(rig, name), names))
    finally:
        signal_all(pids, signal.SIGCONT)
    rig.wait_all()
    return f"PostgreSQL said nothing until all was refused; processes ended in {took:.1f} s at most"


def _asked(on: Strike) -> list[httpx.Response]:
    """A write, a read, and whether either process is ready: all at once."""
    command, query = on.rig.url("command-2"), on.rig.url("query-2")
    name = on.clients.conversations[0]
    requests: list[tuple[str, str, Any]] = [
        ("POST", f"{command}/v1/conversations", {"id": f"{name}_silence"}),
        ("GET", f"{query}/v1/conversations/{name}", None),
        ("GET", f"{command}/health/ready", None),
        ("GET", f"{query}/health/ready", None),
    ]
    headers = {"Authorization": f"Bearer {on.rig.key}"}

    def ask(method: str, url: str, body: Any) -> httpx.Response:
        return httpx.request(
            method, url, json=body, headers=headers, timeout=ANSWER_SECONDS, trust_env=False
        )

    with ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(lambda request: ask(*request), requests))
