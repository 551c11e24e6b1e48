"""The read model `summaries`: what stands in contexts for the messages that left them."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from domain.compaction.loading import told_of
from domain.envelope import Recorded
from domain.events import ConversationCompacted
from domain.ids import stream_id
from domain.resources import summary_json
from eventstore.connect import Connection
from projections.queries import LIVE, query
from projections.read_model import LastEvent, Table, Write, write_all

Key = tuple[str, str, str]
"""Workspace, conversation, summary id."""


class Summaries:
    name = "summaries.v1"
    tables = (Table("summaries_v1", ("workspace", "conversation", "version")),)

    def __init__(self, schema: str = LIVE) -> None:
        self._create = query("summaries_create", schema)
        self._insert = query("summaries_insert", schema)
        self._supersede = query("summaries_supersede", schema)

    def create(self, connection: Connection) -> None:
        connection.execute(self._create)

    def work_out(self, page: Sequence[Recorded]) -> Write:
        made: dict[Key, Recorded] = {}
        superseded: list[Key] = []
        for recorded in page:
            event = recorded.event
            if isinstance(event, ConversationCompacted):
                place = (recorded.workspace, recorded.conversation)
                superseded += [(*place, name) for name in event.superseded]
                if event.summary_id is not None:
                    made[*place, event.summary_id] = recorded
        earlier = [key for key in superseded if key not in made]
        statements = {
            self._insert: _columns(made, set(superseded)),
            self._supersede: {
                "workspaces": [key[0] for key in earlier],
                "conversations": [key[1] for key in earlier],
                "ids": [key[2] for key in earlier],
            },
        }
        return partial(write_all, statements)

    def last_event(self, table: str, row: dict[str, Any]) -> LastEvent:
        del table
        return LastEvent(stream_id(row["workspace"], row["conversation"]), version=row["version"])


def _columns(made: dict[Key, Recorded], superseded: set[Key]) -> dict[str, list[Any]]:
    return {
        "workspaces": [key[0] for key in made],
        "conversations": [key[1] for key in made],
        "versions": [recorded.version for recorded in made.values()],
        "ids": [key[2] for key in made],
        "superseded": [key in superseded for key in made],
        "summaries": [_summary(recorded) for recorded in made.values()],
        "tolds": [_told(recorded) for recorded in made.values()],
    }


def _summary(recorded: Recorded) -> bytes:
    assert isinstance(recorded.event, ConversationCompacted)  # noqa: S101 - only those were gathered
    return summary_json(recorded.conversation, recorded.event, recorded.meta.occurred_at)


def _told(recorded: Recorded) -> bytes:
    assert isinstance(recorded.event, ConversationCompacted)  # noqa: S101 - only those were gathered
    return msgspec.json.encode(told_of(recorded.event))
