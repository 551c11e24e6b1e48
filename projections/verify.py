"""Compares a read model with a fresh replay of the log, row by row, while traffic goes on."""

from collections.abc import Iterator
from typing import Any

import msgspec
from psycopg.rows import dict_row

from projections.beside import Beside, Progress, alone
from projections.checkpoints import live_position
from projections.parking import parked_from
from projections.queries import LIVE
from projections.read_model import Proof, Table
from projections.registry import PROOFS, read_model

SCHEMA = "readmodels_verify"
NEAR = 2_000
MOST_SHOWN = 1_000


class Difference(msgspec.Struct, frozen=True):
    """A row that is not as a replay makes it; `columns` is empty where one side has no such row."""

    table: str
    row: tuple[Any, ...]
    """Its primary key."""
    kind: str
    """`missing` in the live table, `unexpected` there, or `different`."""
    columns: tuple[str, ...]
    position: int | None
    """Of the event that last shaped the row, where there is one."""
    topic: str | None


class Verdict(msgspec.Struct, frozen=True):
    """`differences` are at most MOST_SHOWN."""

    name: str
    position: int
    rows: int
    parked: int
    """Conversations that count with their events before the fault, here as in the live rows."""
    differences: list[Difference]


def verify(dsn: str, name: str, *, page: int, tell: Progress) -> Verdict:
    """Raises beside.Busy, KeyError for an unknown name, and what the database raises."""
    proof = PROOFS[name](SCHEMA) if name in PROOFS else None
    with alone(dsn, f"verification of {name}") as connection:
        beside = Beside(connection, SCHEMA, proof or read_model(name, SCHEMA))
        beside.prepare(afresh=True)
        try:
            while (target := live_position(connection, name)) - beside.intake.position > NEAR:
                beside.catch_up(dsn, target, page, tell)
            return _compare(beside, proof, page)
        finally:
            beside.drop()


def _compare(beside: Beside, proof: Proof | None, page: int) -> Verdict:
    """In one snapshot: the live rows and their checkpoint belong together, and the fresh ones are brought to it."""
    connection, model = beside.connection, beside.model
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        position = live_position(connection, model.name)
        beside.take_rest(position, page)
        if proof is not None:
            proof.finish(connection)
        differences: list[Difference] = []
        rows = 0
        for table in model.tables:
            counted = connection.execute(
                f"SELECT count(*) FROM {SCHEMA}.{table.name}".encode()  # noqa: S608 - as below
            )
            rows += sum(int(row[0]) for row in counted)
            differences += _differences(beside, table)
        parked = len(parked_from(connection, model.name))
        return Verdict(model.name, position, rows, parked, differences[:MOST_SHOWN])


def _differences(beside: Beside, table: Table) -> Iterator[Difference]:
    keys = ", ".join(table.keys)
    statement = f"""
        SELECT {keys}, to_json(l) AS live, to_json(f) AS fresh
          FROM {LIVE}.{table.name} l FULL JOIN {SCHEMA}.{table.name} f USING ({keys})
         WHERE l IS DISTINCT FROM f
         ORDER BY {keys} LIMIT {MOST_SHOWN}"""  # noqa: S608 - names of our own tables
    cursor = beside.connection.cursor(row_factory=dict_row)
    for row in cursor.execute(statement.encode()).fetchall():
        live, fresh = row["live"], row["fresh"]
        event = _event(beside, table, fresh or live)
        yield Difference(
            table=table.name,
            row=tuple(row[key] for key in table.keys),
            kind="missing" if live is None else "unexpected" if fresh is None else "different",
            columns=tuple(name for name in live if live[name] != fresh[name])
            if live and fresh
            else (),
            position=event[0] if event else None,
            topic=event[1] if event else None,
        )


def _event(beside: Beside, table: Table, row: dict[str, Any]) -> tuple[int, str] | None:
    last = beside.model.last_event(table.name, row)
    if last is None:
        return None
    found = beside.connection.execute(
        "SELECT position, topic FROM events"
        " WHERE originator_id = %s AND (originator_version = %s OR message_id = %s OR position = %s)",
        [last.stream, last.version, last.message_id, last.position],
    ).fetchone()
    return (int(found[0]), str(found[1])) if found is not None else None
