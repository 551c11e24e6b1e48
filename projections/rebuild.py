"""Builds a read model anew beside the live one while traffic goes on, and switches in one transaction."""

import logging
import time

import psycopg

from projections.beside import Beside, Progress, alone
from projections.checkpoints import live_position
from projections.parking import wait_for_each_other
from projections.queries import LIVE
from projections.read_model import ReadModel
from projections.registry import group_of, read_model

log = logging.getLogger(__name__)

SCHEMA = "readmodels_rebuild"
NEAR = 2_000
"""Events behind the live model at which the switch may begin: projections pause while they are taken in."""
PATIENCE = "300ms"
"""How long the switch waits for reads of the old tables, while new ones queue behind it."""


def rebuild(dsn: str, name: str, *, page: int, tell: Progress, afresh: bool = False) -> int:
    """Returns the position at which the new tables took over. A killed run is taken up where it was.

    Raises beside.Busy, KeyError for an unknown name, and what the database raises.
    """
    model = read_model(name, SCHEMA)
    with alone(dsn, f"rebuild of {name}") as connection:
        beside = Beside(connection, SCHEMA, model)
        beside.prepare(afresh=afresh)
        if beside.intake.position > 0:
            log.info("%s: going on after position %d", name, beside.intake.position)
        while True:
            target = live_position(connection, name)
            if target - beside.intake.position > NEAR:
                beside.catch_up(dsn, target, page, tell)
                continue
            try:
                return _switch(beside, page)
            except psycopg.errors.LockNotAvailable:
                log.info("%s: waiting for a long read of the old tables", name)
                time.sleep(0.2)


def _switch(beside: Beside, page: int) -> int:
    connection, model = beside.connection, beside.model
    with connection.transaction():
        # The live model stands still from here on; whoever reads sees the old tables until the commit.
        position = live_position(connection, model.name, hold=True)
        beside.take_rest(position, page)
        connection.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
        _move(beside, model)
        # Whom the new tables wait for, all of the group wait for: `retry` ends it.
        connection.execute(
            "INSERT INTO readmodels.parked (name, stream, position, error, parked_at)"
            " SELECT %(live)s, stream, position, error, parked_at FROM readmodels.parked"
            " WHERE name = %(new)s ON CONFLICT DO NOTHING",
            {"live": model.name, "new": beside.name},
        )
        beside.forget()
        wait_for_each_other(connection, group_of(model.name).names)
    return position


def _move(beside: Beside, model: ReadModel) -> None:
    for table in model.tables:
        beside.connection.execute(f"DROP TABLE IF EXISTS {LIVE}.{table.name}".encode())
        beside.connection.execute(f"ALTER TABLE {SCHEMA}.{table.name} SET SCHEMA {LIVE}".encode())
