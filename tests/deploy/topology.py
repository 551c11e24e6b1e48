"""The topology of `deploy/compose.yaml` without a container engine: `python -m tests.deploy.topology [--seconds N]`.

The same processes, settings, database roles and proxy configuration, read from the same files; only names of hosts become
ports of this machine. PostgreSQL and NATS are the embedded ones, the proxy is Debian's nginx (`apt-get install
nginx-light`), the model's service is one of the tests'. It proves, through the one entry and while every process is
restarted in turn under load: a read sees every write; a chat's question and answer are in its conversation at once; no
client sees a failure but 503 with Retry-After; the worker compacts; a stream whose gateway stops keeps what came.
"""

import argparse
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.deploy.topology_load import PARTS, Chats, Load, Pairs, teach
from tests.deploy.topology_processes import Topology, topology
from tests.running import wait_until
from tests.services.gateway.model_server import model_server

ROUNDS = 20
"""Of each kind of load after each restart."""


def prove(made: Topology, seconds: float) -> dict[str, Any]:
    """What happened; `failures` must be empty."""
    key = made.run("operator", "keys", "create", "--workspace", "acme", "--name", "load").strip()
    headers = {"Authorization": f"Bearer {key}"}
    ends: dict[str, float] = {}
    with (
        httpx.Client(base_url=made.base_url, headers=headers, timeout=60, trust_env=False) as http,
        Pairs(made.base_url, key, clients=3) as pairs,
        Chats(made.base_url, key, clients=2) as chats,
    ):
        _more(pairs, chats)
        for name in made.names:
            ends[name] = round(made.restart(name), 2)
            print(f"  restarted {name}: ended in {ends[name]} s", file=sys.stderr, flush=True)
            _more(pairs, chats)
        deadline = time.monotonic() + seconds
        wait_until(lambda: time.monotonic() > deadline, seconds + 5)
        summaries = _await_summaries(http)
    cut = _cut_off(made, key)
    return {
        "pairs": pairs.rounds,
        "chats": chats.rounds,
        "refused": {"pairs": pairs.refused, "chats": chats.refused},
        "summaries": summaries,
        "cut off": cut,
        "ends": ends,
        "failures": [*pairs.failures, *chats.failures][:20],
    }


def _more(*loads: Load) -> None:
    goals = [load.rounds + ROUNDS for load in loads]
    wait_until(
        lambda: all(load.rounds >= goal for load, goal in zip(loads, goals, strict=True)),
        60,
        lambda: str([load.failures[:3] for load in loads]),
    )


def _await_summaries(http: httpx.Client) -> dict[str, int]:
    """Of each conversation, made by the worker: nobody asked for one."""
    names = ("pairs_0", "chats_0")

    def count(name: str) -> int:
        answer = http.get(f"/conversations/{name}/summaries")
        return len(answer.json()["data"]) if answer.status_code == 200 else 0

    wait_until(lambda: all(count(name) for name in names), 60)
    return {name: count(name) for name in names}


def _cut_off(made: Topology, key: str) -> dict[str, Any]:
    """A stream that is open while its gateway is restarted: how it ended for the client, what was kept."""
    headers = {"Authorization": f"Bearer {key}"}
    body = {
        "model": "holding",
        "stream": True,
        "conversation_id": "cut_off",
        "messages": [{"role": "user", "content": "begin"}],
    }
    came: list[str] = []
    begun = threading.Event()

    def listen() -> None:
        with (
            httpx.Client(base_url=made.base_url, headers=headers, timeout=30) as http,
            http.stream("POST", "/chat/completions", json=body) as answer,
        ):
            try:
                for line in answer.iter_lines():
                    came.append(line)
                    begun.set()
            except httpx.TransportError as error:
                came.append(repr(error))

    listener = threading.Thread(target=listen)
    listener.start()
    assert begun.wait(20)
    made.restart("gateway")
    listener.join(30)
    assert not listener.is_alive(), "the stream goes on without its gateway"
    with httpx.Client(base_url=made.base_url, headers=headers, timeout=30) as http:
        kept = http.get("/conversations/cut_off/messages").json()["data"][-1]
    assert (kept["content"], kept["incomplete"]) == ("".join(PARTS[:2]), "interrupted"), kept
    last = [line for line in came if line][-1]
    assert '"code":"interrupted"' in last, last
    return {"ended with": last, "kept": kept["content"]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of load after the restarts")
    given = parser.parse_args()
    if shutil.which("nginx") is None:
        print("Error: no nginx; apt-get install nginx-light", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="verbatim-topology-") as path, model_server() as models:
        Path(path).chmod(0o755)
        teach(models)
        with topology(Path(path), models.base_url) as made:
            try:
                found = prove(made, given.seconds)
            finally:
                for name in made.names:
                    for line in made.errors(name)[:3]:
                        print(f"  {name}: {line[:2_000]}", file=sys.stderr)
    print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    return 1 if found["failures"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
