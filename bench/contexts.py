"""What reading a context costs, whatever was compacted away: `python -m bench.contexts [--short]`."""

import argparse
import statistics
import time
from typing import Any

import httpx

from bench.serving import Process, make_key, process, start_conversations
from bench.support import machine, server, table, tell

READS = 300
LIVE_TOKENS = 4_000
"""What a compacted conversation's context is brought to; the short one's is as large as it is."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="10,000 messages in place of 100,000")
    short = parser.parse_args().short
    long = 10_000 if short else 100_000
    sizes = {"short": 100, "long": long, "live": 200}
    print(f"{machine()}{', short' if short else ''}\n")
    with server() as postgres:
        key = make_key(postgres)
        with (
            process("projections", postgres),
            process("command", postgres) as command,
            process("query", postgres) as query,
        ):
            for name, messages in sizes.items():
                tell(f"  {name}: {messages:,} messages")
                start_conversations(command, key, [name], messages)
            with _client(command, key) as client:
                for name in ("short", "long"):
                    began = time.perf_counter()
                    done = _compact(client, name)
                    seconds = time.perf_counter() - began
                    tell(f"  {name} compacted in {seconds:.1f} s")
                    print(
                        f"`{name}`: {done['tokens_before']:,} tokens of {sizes[name]:,} messages to"
                        f" {done['tokens_after']:,} in {seconds:.1f} s."
                    )
            with _client(query, key) as client:
                figures = {name: _reads(client, name) for name in sizes}
    rows = [
        [
            f"{sizes[name]:,} messages, {'not compacted' if name == 'live' else 'compacted'}",
            f"{statistics.median(times):.2f}",
            f"{sorted(times)[int(len(times) * 0.99)]:.2f}",
            f"{size / 1024:.0f}",
        ]
        for name, (times, size) in figures.items()
    ]
    print()
    table([f"context, one client, {READS} reads", "median ms", "p99 ms", "KiB"], rows)
    ratio = statistics.median(figures["long"][0]) / statistics.median(figures["short"][0])
    print(f"{long:,} messages compacted / 100 messages compacted: {ratio:.2f} ×")


def _client(at: Process, key: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=at.address, headers=headers, timeout=300)


def _compact(client: httpx.Client, name: str) -> dict[str, Any]:
    """To the same size, so that only what was compacted away differs."""
    body = {"target_tokens": LIVE_TOKENS}
    answer = client.post(f"/conversations/{name}/compact", json=body)
    answer.raise_for_status()
    return answer.json()["data"]


def _reads(client: httpx.Client, name: str) -> tuple[list[float], int]:
    """Milliseconds of each, and the answer's size."""
    path = f"/conversations/{name}/context"
    client.get(path).raise_for_status()
    times: list[float] = []
    size = 0
    for _ in range(READS):
        began = time.perf_counter()
        answer = client.get(path)
        times.append((time.perf_counter() - began) * 1_000)
        size = len(answer.content)
    return times, size


if __name__ == "__main__":
    main()
