"""Makes the tables of `stats.v1` in another way than the projector: it writes down what each event says, and PostgreSQL
counts all of it at once. Two programs that share nothing do not err alike.
"""

from collections.abc import Sequence
from typing import Any

from domain.envelope import Recorded
from eventstore.connect import Connection
from projections.queries import query
from projections.read_model import LastEvent
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
        self._copy = f"COPY {schema}.stats_v1_facts FROM STDIN".encode()
        self._finish = query("stats_proof_finish", schema)

    def create(self, connection: Connection) -> None:
        connection.execute(self._tables)
        connection.execute(self._facts)

    def apply(self, connection: Connection, page: Sequence[Recorded]) -> None:
        with connection.cursor().copy(self._copy) as copy:
            for recorded in page:
                event = recorded.event
                if event.NAME in FACTS:
                    workspace, _, conversation = recorded.stream.partition(":")
                    told = [getattr(event, field, None) for field in FIELDS]
                    copy.write_row((workspace, conversation, recorded.version, event.NAME, *told))

    def finish(self, connection: Connection) -> None:
        connection.execute(self._finish)

    def last_event(self, table: str, row: dict[str, Any]) -> LastEvent | None:
        return Stats().last_event(table, row)
