"""The figures that the processes tell are those that `docs/operations.md` explains, none more, none less."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from deploy.embedded.folder import free_port
from deploy.embedded.nats import EmbeddedNats
from tests.running import wait_until
from tests.services.support import Api

OPERATIONS = Path(__file__).resolve().parents[2] / "docs/operations.md"
HELP = re.compile(r"^# HELP (verbatim_\w+|process_resident_memory_bytes) ", re.MULTILINE)
SAVED = re.compile(r'^verbatim_(\w+_total)\{strategy="(\w+)"\} (\S+)$', re.MULTILINE)


@contextmanager
def follower(name: str, database_url: str, nats_url: str) -> Iterator[str]:
    """A process of its own; the address of its figures."""
    port = free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "VERBATIM_DATABASE_URL": database_url,
        "VERBATIM_NATS_URL": nats_url,
        "VERBATIM_METRICS_PORT": str(port),
    }
    program = [sys.executable, "-m", "services.cli", name, "run"]
    process = subprocess.Popen(program, env=environ, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}/metrics"
    finally:
        process.terminate()
        process.wait(20)


def told(url: str) -> str:
    """Once it answers."""
    found: list[str] = []

    def answers() -> bool:
        try:
            found.append(httpx.get(url, trust_env=False).raise_for_status().text)
        except httpx.TransportError:
            return False
        return True

    wait_until(answers, 40)
    return found[-1]


def figures(url: str) -> set[str]:
    """Without the times at which the library began to count."""
    return {name for name in HELP.findall(told(url)) if not name.endswith("_created")}


def explained() -> set[str]:
    watch = OPERATIONS.read_text("utf-8").partition("## Watch\n")[2].partition("\n## ")[0]
    return set(re.findall(r"`(verbatim_\w+|process_\w+)", watch))


def test_each_figure_is_explained(api: Api, nats_server: EmbeddedNats) -> None:
    api.start("figures", "one")
    api.get("/conversations/figures")
    names = figures(f"{api.address}/metrics")
    urls = (api.database.service, nats_server.nats_url)
    with (
        follower("projections", *urls) as projections,
        follower("relay", *urls) as relay,
        follower("compaction", *urls) as compaction,
    ):
        for url in (projections, relay, compaction):
            names |= figures(url)
    assert names == explained()


def test_what_compaction_saved(api: Api) -> None:
    def saved() -> dict[tuple[str, str], float]:
        text = told(f"{api.address}/metrics")
        return {(name, strategy): float(n) for name, strategy, n in SAVED.findall(text)}

    before = saved()
    api.start("saving", *[f"message {n} tells of this and that, at some length" for n in range(40)])
    body = {"strategy": "sliding_window", "keep_recent": 4}
    done = api.post("/conversations/saving/compact", body).json()["data"]
    assert done["tokens_saved"] > 0
    after = saved()
    key = ("compactions_total", "sliding_window")
    assert after[key] == before[key] + 1
    key = ("compaction_tokens_saved_total", "sliding_window")
    assert after[key] == before[key] + done["tokens_saved"]
    assert after["compactions_total", "hybrid"] == before["compactions_total", "hybrid"]
