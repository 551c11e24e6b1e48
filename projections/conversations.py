"""The read model `conversations`: which conversations there are, and how each stands."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from domain import resources
from domain.envelope import Recorded
from domain.ids import stream_id
from domain.state import ConversationState, evolve
from eventstore.connect import Connection
from projections.queries import LIVE, query
from projections.read_model import LastEvent, Table, Write

Key = tuple[str, str]
"""Workspace and conversation."""


class Conversations:
    """Folds with the domain's own fold, so that a row cannot differ from a replay."""

    name = "conversations.v1"
    tables = (Table("conversations_v1", ("workspace", "id")),)

    def __init__(self, schema: str = LIVE) -> None:
        self._create = query("conversations_create", schema)
        self._load = query("conversations_load", schema)
        self._save = query("conversations_save", schema)
        self._decode = msgspec.json.Decoder(ConversationState).decode
        # Sets have no order: the same state must be the same bytes, whatever way it was folded.
        self._encode = msgspec.json.Encoder(order="deterministic").encode

    def create(self, connection: Connection) -> None:
        connection.execute(self._create)

    def work_out(self, page: Sequence[Recorded]) -> Write:
        return partial(self._fold, page)

    def last_event(self, table: str, row: dict[str, Any]) -> LastEvent:
        del table
        return LastEvent(stream_id(row["workspace"], row["id"]), version=row["version"])

    def _fold(self, page: Sequence[Recorded], connection: Connection) -> None:
        keys = list({(event.workspace, event.conversation): None for event in page})
        states = self._states(connection, keys)
        for event in page:
            key = (event.workspace, event.conversation)
            states[key] = evolve(
                states.get(key), event.event, event.version, event.meta.occurred_at
            )
        connection.execute(self._save, self._columns(states), prepare=True)

    def _states(self, connection: Connection, keys: list[Key]) -> dict[Key, ConversationState]:
        values = {"workspaces": [key[0] for key in keys], "ids": [key[1] for key in keys]}
        cursor = connection.cursor(binary=True).execute(self._load, values, prepare=True)
        return {(workspace, name): self._decode(state) for workspace, name, state in cursor}

    def _columns(self, states: dict[Key, ConversationState]) -> dict[str, list[Any]]:
        all_states = list(states.values())
        shown = [
            resources.conversation(conversation, state)
            for (_, conversation), state in states.items()
        ]
        return {
            "workspaces": [workspace for workspace, _ in states],
            "ids": [conversation for _, conversation in states],
            "versions": [state.version for state in all_states],
            "statuses": [state.status for state in all_states],
            "sources": [state.source for state in all_states],
            "assistants": [state.assistant_id for state in all_states],
            "users": [state.user_id for state in all_states],
            "metadata": [self._encode(state.metadata).decode() for state in all_states],
            "counts": [state.message_count for state in all_states],
            "created": [state.created_at for state in all_states],
            "updated": [state.updated_at for state in all_states],
            "active": [state.last_message_at or state.created_at for state in all_states],
            "resources": [resources.encode(conversation) for conversation in shown],
            "states": [self._encode(state) for state in all_states],
        }
