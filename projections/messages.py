"""The read model `messages`: the messages of each conversation, as ready JSON."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from domain import events as e
from domain.envelope import Recorded
from domain.ids import stream_id
from domain.resources import message_json
from eventstore.connect import Connection
from projections.queries import LIVE, query
from projections.read_model import Columns, LastEvent, Table, Write, write_all

Key = tuple[str, str, int]
"""Workspace, conversation, sequence."""


class Messages:
    name = "messages.v1"
    tables = (Table("messages_v1", ("workspace", "conversation", "sequence")),)

    def __init__(self, schema: str = LIVE) -> None:
        self._create = query("messages_create", schema)
        self._insert = query("messages_insert", schema)
        self._pin = query("messages_pin", schema)
        self._retract = query("messages_retract", schema)

    def create(self, connection: Connection) -> None:
        connection.execute(self._create)

    def work_out(self, page: Sequence[Recorded]) -> Write:
        """A message that comes and is pinned or retracted on one page is written once, or not at all."""
        appended: dict[Key, e.MessageAppended] = {}
        pins: dict[Key, bool] = {}
        retracted: list[Key] = []
        for recorded in page:
            event = recorded.event
            if not isinstance(event, _CONCERNING):
                continue
            key = (recorded.workspace, recorded.conversation, event.sequence)
            if isinstance(event, e.MessageAppended):
                appended[key] = event
            elif not isinstance(event, e.MessageRetracted):
                pins[key] = isinstance(event, e.MessagePinned)
            elif appended.pop(key, None) is None:
                retracted.append(key)
        earlier = {key: pin for key, pin in pins.items() if key not in appended}
        statements: dict[bytes, Columns] = {
            self._insert: _columns(list(appended))
            | {
                "roles": [event.role for event in appended.values()],
                "pinned": [pins.get(key, False) for key in appended],
                "messages": [message_json(key[1], event) for key, event in appended.items()],
            },
            self._pin: _columns(list(earlier)) | {"pinned": list(earlier.values())},
            self._retract: _columns(retracted),
        }
        return partial(write_all, statements)

    def last_event(self, table: str, row: dict[str, Any]) -> LastEvent:
        del table
        stored = msgspec.json.decode(bytes.fromhex(row["message"].removeprefix("\\x")))
        stream = stream_id(row["workspace"], row["conversation"])
        return LastEvent(stream, message_id=stored["id"])


_CONCERNING = (e.MessageAppended, e.MessagePinned, e.MessageUnpinned, e.MessageRetracted)


def _columns(keys: list[Key]) -> Columns:
    return {
        "workspaces": [key[0] for key in keys],
        "conversations": [key[1] for key in keys],
        "sequences": [key[2] for key in keys],
    }
