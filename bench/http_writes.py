"""Appends over HTTP: against what bounds them, open loop, two processes, long conversations, memory."""

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench.load import Target, closed_loop, open_loop
from bench.serving import (
    Process,
    appends,
    make_key,
    postgres_cpu_seconds,
    process,
    reads,
    start_conversations,
)
from bench.stalls import Stalls
from bench.support import Effort, median, ratio, rounds, table, tell
from deploy.embedded.postgres import EmbeddedPostgres

CONNECTIONS = (1, 16, 64)
OPEN = 256
"""Connections over which requests come at a fixed rate."""
CONTESTANTS = ("bare", "nothing", "usual", "litestar", "stock", "command")
AGAINST = ("nothing", "usual", "litestar", "stock")
STEPS = 10
SHOWN = {
    "bare": "bare ASGI",
    "nothing": "do-nothing route",
    "usual": "the same on uvicorn as it comes",
    "litestar": "Litestar's own way",
    "stock": "stock recorder",
    "command": "ours, durable",
}


def side_by_side(postgres: EmbeddedPostgres, effort: Effort) -> None:
    with ExitStack() as stack:
        found = {name: stack.enter_context(process(name, postgres)) for name in CONTESTANTS}
        key, names = _conversations(postgres, found["command"])
        rows: list[list[str]] = []
        for connections in CONNECTIONS:
            tell(f" {connections} connections")
            figures = rounds(
                {
                    name: _rate([appends(at, key, names)], connections, effort)
                    for name, at in found.items()
                },
                effort.rounds,
            )
            ours = figures["command"]
            rows.append(
                [
                    str(connections),
                    *(f"{median(figures[name]):,.0f}" for name in CONTESTANTS),
                    *(f"{ratio(ours, figures[name]):.2f} ×" for name in AGAINST),
                ]
            )
        print(f"Appends a second; {effort.rounds} rounds of {effort.seconds:g} s, medians.\n")
        shown = [SHOWN[name] for name in CONTESTANTS]
        table(["connections", *shown, *(f"ours / {SHOWN[name]}" for name in AGAINST)], rows)
        _cpu(found, postgres, key, names, effort)


def _cpu(
    found: dict[str, Process],
    postgres: EmbeddedPostgres,
    key: str,
    names: list[str],
    effort: Effort,
) -> None:
    """What a request costs each process: less noisy than rates where client and server share the cores."""
    costs: list[list[str]] = []
    for name in CONTESTANTS:

        def spent(at: Process = found[name]) -> list[float]:
            return [at.cpu_seconds(), sum(os.times()[:2]), postgres_cpu_seconds(postgres)]

        before = spent()
        result = closed_loop([appends(found[name], key, names)], 64, 2 * effort.seconds, 0)
        each = [
            (after - at) / len(result.latencies) * 1e6
            for at, after in zip(before, spent(), strict=True)
        ]
        costs.append([SHOWN[name], *(f"{cost:.0f}" for cost in each)])
    print("Processor time for one request, µs, at 64 connections.\n")
    table(["", "service", "client", "PostgreSQL"], costs)


def at_a_fixed_rate(postgres: EmbeddedPostgres, effort: Effort) -> None:
    with (
        process("command", postgres) as at,
        tempfile.TemporaryDirectory(prefix="verbatim-bench-") as path,
        Stalls(Path(path)) as stalls,
    ):
        key, names = _conversations(postgres, at, OPEN)
        target = appends(at, key, names)
        peak = closed_loop([target], 64, 2 * effort.seconds).rate
        rate = 0.7 * peak
        rows: list[list[str]] = []
        for number in range(effort.rounds):
            stalls.begin()
            result = open_loop([target], OPEN, rate, 3 * effort.seconds)
            figures = [result.quantile(share) * 1_000 for share in (0.5, 0.99, 0.999)]
            figures += stalls.told()
            rows.append([f"{result.rate:,.0f}", *(f"{one:.1f}" for one in figures)])
            tell(f"  round {number + 1}/{effort.rounds}: {rows[-1]}")
    print(
        f"Appends at a fixed arrival rate, 70 % of a peak of {peak:,.0f} a second; latency from the moment a"
        f" request was due, ms; {effort.rounds} rounds of {3 * effort.seconds:g} s. Beside it how long a few bytes took to the disk, a"
        " process that was due did not run, the machine's host ran others (`bench/stalls.py`).\n"
    )
    heads = ["answered a second", "p50", "p99", "p99.9", "disk, most", "processor, most", "stolen"]
    table(heads, rows)


def two_processes(postgres: EmbeddedPostgres, effort: Effort) -> None:
    with process("command", postgres) as first, process("command", postgres) as second:
        key, names = _conversations(postgres, first)
        # Connections go to the targets in turn: here each conversation has a connection to either process.
        pairs = [names[number // 2] for number in range(len(names))]
        figures = rounds(
            {
                "one process": _rate([appends(first, key, names)], 64, effort),
                "two, different conversations": _rate(
                    [appends(first, key, names), appends(second, key, names)], 64, effort
                ),
                "two, the same conversations": _rate(
                    [appends(first, key, pairs), appends(second, key, pairs)], 64, effort
                ),
            },
            effort.rounds,
        )
    one = figures["one process"]
    print(f"Appends a second at 64 connections; {effort.rounds} rounds of {effort.seconds:g} s.\n")
    table(
        ["", "appends a second", "against one process"],
        [
            [name, f"{median(found):,.0f}", f"{ratio(found, one):.2f} ×"]
            for name, found in figures.items()
        ],
    )


def long_conversations(postgres: EmbeddedPostgres, effort: Effort) -> None:
    with process("command", postgres) as at:
        key = make_key(postgres)
        short = [f"short-{number}" for number in range(16)]
        long = [f"long-{number}" for number in range(16)]
        start_conversations(at, key, short, 100)
        start_conversations(at, key, long, 5_000)
        figures = rounds(
            {
                "100 messages": _rate([appends(at, key, short)], 16, effort),
                "5,000 messages": _rate([appends(at, key, long)], 16, effort),
            },
            effort.rounds,
        )
    slower = ratio(figures["100 messages"], figures["5,000 messages"])
    print(
        f"Appends a second to 16 conversations of so many messages, 16 connections; {effort.rounds} rounds of"
        f" {effort.seconds:g} s.\n"
    )
    table(
        [*figures, "time of 5,000 / 100"],
        [[*(f"{median(found):,.0f}" for found in figures.values()), f"{slower:.2f} ×"]],
    )


def memory(postgres: EmbeddedPostgres, effort: Effort) -> None:
    """Of each process while requests pass, half of them appends, half reads; the projections follow."""
    with (
        process("projections", postgres) as projections,
        process("command", postgres) as command,
        process("query", postgres) as query,
    ):
        key, names = _conversations(postgres, command)
        kinds = [
            appends(command, key, names),
            reads(query, key, [f"/conversations/{name}?message_limit=5" for name in names]),
        ]
        processes = (command, query, projections)
        rows = [["at the start", *(f"{at.resident_mib():.0f}" for at in processes)]]
        for step in range(1, STEPS + 1):
            for target in kinds:
                passed = 0
                while passed < effort.requests // STEPS // len(kinds):
                    passed += len(closed_loop([target], 16, 2.0, 0).latencies)
            rows.append(
                [
                    f"{effort.requests * step // STEPS:,}",
                    *(f"{at.resident_mib():.0f}" for at in processes),
                ]
            )
            tell(f"  {rows[-1]}")
    print("Resident memory of each process, MiB, while requests pass; half appends, half reads.\n")
    table(["requests", "command", "query", "projections"], rows)


def _conversations(
    postgres: EmbeddedPostgres, at: Process, number: int = 64
) -> tuple[str, list[str]]:
    """As many as there are connections: what two append to one conversation at once goes the ordinary way, which takes longer."""
    key = make_key(postgres)
    names = [f"c-{each}" for each in range(number)]
    start_conversations(at, key, names)
    return key, names


def _rate(targets: list[Target], connections: int, effort: Effort) -> Callable[[], float]:
    return lambda: closed_loop(targets, connections, effort.seconds).rate
