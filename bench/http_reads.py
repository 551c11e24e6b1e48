"""Reads over HTTP: stored JSON bytes joined, against objects built from rows and encoded."""

import time

import psycopg

from bench.load import closed_loop
from bench.serving import make_key, process, reads, start_conversations
from bench.support import Effort, median, ratio, rounds, table, tell
from bench.typed_reads import create_tables
from deploy.embedded.postgres import EmbeddedPostgres
from services.query.reads import NAMES

CONVERSATIONS = 200
MESSAGES = 60
CONNECTIONS = 16


def both_ways(postgres: EmbeddedPostgres, effort: Effort) -> None:
    key = make_key(postgres)
    names = [f"c-{number}" for number in range(CONVERSATIONS)]
    with process("projections", postgres), process("command", postgres) as command:
        start_conversations(command, key, names, MESSAGES)
        _await_projections(postgres)
    with psycopg.connect(postgres.migrate_database_url, autocommit=True) as connection:
        create_tables(connection)
    asked = {
        "a conversation with its newest 50 messages": [f"/conversations/{name}" for name in names],
        "a list page of 20": ["/conversations"],
    }
    with process("query", postgres) as query, process("typed", postgres) as typed:
        rows: list[list[str]] = []
        for name, paths in asked.items():
            tell(f" {name}")
            ours, theirs = reads(query, key, paths), reads(typed, key, paths)
            figures = rounds(
                {
                    "ours": lambda t=ours: closed_loop([t], CONNECTIONS, effort.seconds).rate,
                    "typed": lambda t=theirs: closed_loop([t], CONNECTIONS, effort.seconds).rate,
                },
                effort.rounds,
            )
            costs: list[str] = []
            for at, target in ((query, ours), (typed, theirs)):
                before = at.cpu_seconds()
                passed = len(closed_loop([target], CONNECTIONS, 2 * effort.seconds, 0).latencies)
                costs.append(f"{(at.cpu_seconds() - before) / passed * 1e6:.0f}")
            rows.append(
                [
                    name,
                    *(f"{median(figures[kind]):,.0f}" for kind in ("ours", "typed")),
                    f"{ratio(figures['ours'], figures['typed']):.2f} ×",
                    *costs,
                ]
            )
    print(
        f"Reads a second, {CONNECTIONS} connections, one query process; {effort.rounds} rounds of"
        f" {effort.seconds:g} s.\n"
    )
    table(
        ["", "ours", "typed objects", "ours / typed", "ours, µs of CPU", "typed, µs of CPU"], rows
    )


def _await_projections(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.database_url, autocommit=True) as connection:
        while True:
            row = connection.execute(
                "SELECT (SELECT min(position) FROM readmodels.tracking WHERE name = ANY (%s)) = (SELECT position FROM head)",
                [NAMES],
            ).fetchone()
            if row is not None and row[0]:
                return
            time.sleep(0.1)
