"""Makes the tables of `stats.v1` in another way than the projector: it writes down what each event says, and PostgreSQL
counts all of it at once. Two programs that share nothing do not err alike.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from domain.envelope import Recorded
from eventstore.connect import Connection
from projections.queries import query
from projections.read_model import Columns, LastEvent, Write, write_all
from projections.stats import Stats

FACTS = {
    "ConversationStarted",
    "ConversationReassigned",
    "ConversationArchived",
    "ConversationUnarchived",
    "ConversationDeleted",
    "ConversationRestored",
    "MessageAppended",
    "MessageRetracted",
}
FIELDS = (
    "created_at",
    "source",
    "assistant_id",
    "user_id",
    "input_tokens",
    "output_tokens",
    "cost_cents",
)


class StatsProof:
    """Shares with the projector the names and shapes of the tables, for they are what is compared."""

    name = Stats.name
    tables = Stats.tables

    def __init__(self, schema: str) -> None:
        self._tables = query("stats_create", schema)
        self._facts = query("stats_proof_create", schema)
        self._insert = query("stats_proof_insert", schema)
        self._finish = query("stats_proof_finish", schema)

    def create(self, connection: Connection) -> None:
        connection.execute(self._tables)
        connection.execute(self._facts)

    def work_out(self, page: Sequence[Recorded]) -> Write:
        facts = [recorded for recorded in page if recorded.event.NAME in FACTS]
        values: Columns = {
            "workspaces": [recorded.workspace for recorded in facts],
            "ids": [recorded.conversation for recorded in facts],
            "versions": [recorded.version for recorded in facts],
            "kinds": [recorded.event.NAME for recorded in facts],
        }
        for field in FIELDS:
            values[field] = [getattr(recorded.event, field, None) for recorded in facts]
        return partial(write_all, {self._insert: values})

    def finish(self, connection: Connection) -> None:
        connection.execute(self._finish)

    def last_event(self, table: str, row: dict[str, Any]) -> LastEvent | None:
        return Stats().last_event(table, row)
