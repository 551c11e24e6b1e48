"""Lets parked conversations go on: after an upgrade, what was poison may be food."""

import logging

import psycopg

from domain.codec import CodecError
from eventstore.connect import Connection, connect
from projections.checkpoints import live_position
from projections.intake import PROJECTED
from projections.parking import go_on, parked_from
from projections.registry import GROUPS, Group

log = logging.getLogger(__name__)

MOST_RESUMED = 1_000
"""Conversations that a start sees to, the oldest first; the others wait for `verbatim projections retry`."""


def retry(dsn: str, stream: str) -> str | None:
    """None where the conversation is whole again in all read models, else why it stays parked."""
    reasons: list[str] = []
    with connect(dsn, name="retry") as connection:
        for group in GROUPS:
            try:
                with connection.transaction():
                    _go_on(connection, group, stream)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                raise
            except CodecError as error:
                reasons.append(str(error))
            except Exception as error:  # noqa: BLE001 - whatever it was that parked it
                reasons.append(f"{type(error).__name__}: {error}")
    return "; ".join(reasons) or None


def resume(connection: Connection, group: Group) -> None:
    """At a projector's start: who waits may have waited for this program, a newer one. Who still cannot, waits on."""
    rows = connection.execute(
        "SELECT stream FROM readmodels.parked WHERE name = ANY (%s) GROUP BY stream ORDER BY min(position) LIMIT %s",
        [group.names, MOST_RESUMED],
    ).fetchall()
    for (stream,) in rows:
        try:
            with connection.transaction():
                _go_on(connection, group, stream)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever parked it is still there
            log.error("%s stays parked: %s", stream, error)  # noqa: TRY400 - the message says it
        else:
            log.info("%s goes on", stream)


def _go_on(connection: Connection, group: Group, stream: str) -> None:
    names = group.names
    for name in sorted(names):
        live_position(connection, name, hold=True)  # projections stand still meanwhile
    for model in group.models():
        start = parked_from(connection, model.name).get(stream)
        if start is not None:
            go_on(connection, model, stream, start, live_position(connection, model.name))
    connection.execute(
        "DELETE FROM readmodels.parked WHERE stream = %s AND name = ANY (%s)", [stream, names]
    )
    connection.execute(f"NOTIFY {PROJECTED}")
