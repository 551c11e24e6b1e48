"""The log through the `eventsourcing` library's eyes: its interfaces, on our tables.

For tools and for anything built on the library. It appends with the same statement as the asynchronous
writer, so both may write to one log at the same time.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import psycopg
from eventsourcing.persistence import (
    IntegrityError,
    Notification,
    OperationalError,
    StoredEvent,
)
from eventsourcing.postgres import (
    PostgresAggregateRecorder,
    PostgresApplicationRecorder,
    PostgresDatastore,
    PostgresTrackingRecorder,
)
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL
from typing_extensions import override

from eventstore.hint import CHANNEL
from eventstore.queries import query

TABLE = "events"


def datastore(dsn: str, *, pool_size: int = 2, max_overflow: int = 10) -> PostgresDatastore:
    """The library's pool of connections to our database; streams have text ids."""
    info = conninfo_to_dict(dsn)
    return PostgresDatastore(
        dbname=str(info["dbname"]),
        host=str(info["host"]),
        port=str(info["port"]),
        user=str(info["user"]),
        password=unquote(str(info["password"])),
        pool_size=pool_size,
        max_overflow=max_overflow,
        originator_id_type="text",
    )


class VerbatimAggregateRecorder(PostgresAggregateRecorder):
    """Streams only. The tables come from `verbatim migrate`, never from here."""

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, events_table_name=TABLE, **kwargs)
        self.sql_create_statements = []
        self._append = query("append")

    @override
    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """All events are stored or none. An aggregate recorder knows no positions: None.

        Raises IntegrityError where a version is taken, OperationalError where nobody can tell what
        became of the append.
        """
        self._insert_or_find(stored_events)

    def _insert_or_find(self, stored_events: Sequence[StoredEvent]) -> Sequence[int]:
        try:
            return self._insert(stored_events)
        except OperationalError:
            # The reply may have been lost, not the append: look, then say.
            found = self._find(stored_events)
            return self._insert(stored_events) if found is None else found

    def _insert(self, stored_events: Sequence[StoredEvent]) -> Sequence[int]:
        if not stored_events:
            return []
        values: dict[str, Any] = {
            "count": len(stored_events),
            "streams": [str(event.originator_id) for event in stored_events],
            "versions": [event.originator_version for event in stored_events],
            "topics": [event.topic for event in stored_events],
            "states": [event.state for event in stored_events],
            "messages": [None] * len(stored_events),
        }
        with self.datastore.get_connection() as connection:
            cursor = connection.execute(self._append, values, prepare=True)
            row = cursor.fetchone()
            connection.execute(f"NOTIFY {CHANNEL}")
        assert row is not None  # noqa: S101 - the statement returns one row
        base = int(row["base"])
        return [base + place for place in range(1, len(stored_events) + 1)]

    def _find(self, stored_events: Sequence[StoredEvent]) -> Sequence[int] | None:
        """Where the events stand, if every one of them does; None if none does."""
        positions: list[int] = []
        with self.datastore.get_connection() as connection:
            for event in stored_events:
                row = connection.execute(
                    "SELECT position, topic, state FROM events"
                    " WHERE originator_id = %s AND originator_version = %s",
                    [str(event.originator_id), event.originator_version],
                ).fetchone()
                if row is None:
                    return None
                if (row["topic"], bytes(row["state"])) != (event.topic, event.state):
                    raise IntegrityError("another event has this version")
                positions.append(int(row["position"]))
        return positions

    @override
    def create_table(self) -> None:
        """Nothing: `verbatim migrate` makes the tables."""


class VerbatimApplicationRecorder(VerbatimAggregateRecorder, PostgresApplicationRecorder):
    """Streams and the log by position."""

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self.sql_create_statements = []
        self.channel_name = CHANNEL
        # The head row is locked until the commit: what a reader sees below it is complete.
        self.max_notification_id_statement = SQL("SELECT NULLIF(position, 0) AS max FROM head")

    @override
    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """As above, and the events' positions, contiguous."""
        return self._insert_or_find(stored_events)

    @override
    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events by position from `start` to `stop`, both inclusive unless said otherwise."""
        after = 0 if start is None else start - (1 if inclusive_of_start else 0)
        try:
            with self.datastore.get_connection() as connection:
                rows = connection.execute(
                    "SELECT position, originator_id, originator_version, topic, state FROM events"
                    " WHERE position > %(after)s AND position <= %(stop)s"
                    " AND (%(topics)s::text[] IS NULL OR topic = ANY (%(topics)s::text[]))"
                    " ORDER BY position LIMIT %(limit)s",
                    {
                        "after": after,
                        "stop": 2**62 if stop is None else stop,
                        "topics": list(topics) or None,
                        "limit": limit,
                    },
                    prepare=True,
                ).fetchall()
        except psycopg.OperationalError as error:
            raise OperationalError(str(error)) from error
        return [
            Notification(
                id=row["position"],
                originator_id=row["originator_id"],
                originator_version=row["originator_version"],
                topic=row["topic"],
                state=bytes(row["state"]),
            )
            for row in rows
        ]


class VerbatimTrackingRecorder(PostgresTrackingRecorder):
    """Checkpoints, in the table that the projections use."""

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self.sql_create_statements = []
        self.insert_tracking_statement = SQL(
            "INSERT INTO readmodels.tracking AS t (name, position)"
            " VALUES (%(application_name)s, %(notification_id)s)"
            " ON CONFLICT (name) DO UPDATE SET position = excluded.position"
            " WHERE t.position < excluded.position RETURNING position"
        )
        self.max_tracking_id_statement = SQL(
            "SELECT max(position) FROM readmodels.tracking WHERE name = %s"
        )

    @override
    def create_table(self) -> None:
        """Nothing: `verbatim migrate` makes the table."""
