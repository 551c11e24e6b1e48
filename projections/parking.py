"""Parked conversations: who waits, from which event on, and how one goes on.

`readmodels.parked` says of a read model and a conversation: the events before `position` are in the rows, none from it
on is. So nothing need be taken out of a row for a conversation to go on, not even out of a row that tells of many.
"""

import msgspec

from eventstore.appends import StoredRow
from eventstore.connect import Connection
from eventstore.mapper import EventMapper
from eventstore.queries import query
from projections.read_model import ReadModel

PAGE = 1_000


class Parked(msgspec.Struct, frozen=True):
    """A conversation that waits; `position` is the event's that could not be taken in."""

    stream: str
    position: int
    error: str
    read_models: list[str]


def parked(connection: Connection) -> list[Parked]:
    """Each conversation once, in order of position."""
    rows = connection.execute(
        "SELECT stream, min(position), (array_agg(error ORDER BY position))[1], array_agg(name ORDER BY name)"
        " FROM readmodels.parked WHERE name NOT LIKE '%:%' GROUP BY stream ORDER BY 2, 1"
    ).fetchall()
    return [Parked(*row) for row in rows]


def parked_from(connection: Connection, name: str) -> dict[str, int]:
    """The streams that wait for a read model, each with the position from which on."""
    rows = connection.execute(
        "SELECT stream, position FROM readmodels.parked WHERE name = %s", [name]
    )
    return {str(stream): int(position) for stream, position in rows}


def wait_for_each_other(connection: Connection, names: list[str]) -> None:
    """Whoever waits for one of these read models waits for all, from where each of them is."""
    connection.execute(
        "INSERT INTO readmodels.parked (name, stream, position, error)"
        " SELECT t.name, p.stream, t.position + 1, min(p.error)"
        " FROM readmodels.tracking t CROSS JOIN readmodels.parked p"
        " WHERE t.name = ANY (%(names)s) AND p.name = ANY (%(names)s)"
        " GROUP BY t.name, p.stream, t.position ON CONFLICT DO NOTHING",
        {"names": names},
    )


def go_on(connection: Connection, model: ReadModel, stream: str, start: int, upto: int) -> None:
    """Take in a stream's events of positions from `start` to `upto`. Raises what they raise."""
    mapper, statement = EventMapper(), query("stream_page")
    after = 0
    while True:
        values = {"stream": stream, "after": after, "limit": PAGE}
        cursor = connection.cursor(binary=True).execute(statement, values)
        rows = [StoredRow(*row) for row in cursor.fetchall()]
        wanted = [row for row in rows if start <= row.position <= upto]
        if wanted:
            model.work_out([mapper.recorded(row) for row in wanted])(connection)
        if len(rows) < PAGE or rows[-1].position > upto:
            return
        after = rows[-1].version
