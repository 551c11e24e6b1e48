"""The read model `stats`: how many conversations, messages, tokens and cents there are, and when they came.

Totals move with a conversation when it changes hands; what was begun stays with those who held it then. A retracted
message leaves the count of messages; its tokens and its cost were used, and its day saw it.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec

from domain import events as e
from domain.envelope import Recorded
from domain.ids import stream_id
from eventstore.connect import Connection
from projections.queries import LIVE, query
from projections.read_model import LastEvent, Table, Write

Key = tuple[str, str]
"""Workspace and conversation."""
Place = tuple[str, str, str, str, str]
"""Workspace, scope, holder, assistant, source."""
Slot = tuple[str, str, str, str, datetime]
"""Workspace, assistant, user, source, and when."""

NONE = ""
"""A conversation without an assistant, or without a user: names of callers are never empty."""
FINE_BEFORE = datetime(2012, 1, 1, tzinfo=UTC)
"""Every local midnight since lies on a quarter of an hour of UTC, in every zone there is; earlier ones on a second."""


class Standing(msgspec.Struct):
    """How a conversation counts now."""

    source: str
    assistant_id: str
    user_id: str
    archived: bool = False
    deleted: bool = False
    messages: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_cents: Decimal = Decimal(0)

    def amounts(self) -> tuple[Any, ...]:
        """Active, archived, deleted; messages, tokens, cost."""
        active = not (self.archived or self.deleted)
        archived = self.archived and not self.deleted
        return (
            *(int(active), int(archived), int(self.deleted)),
            *(self.messages, self.input_tokens, self.output_tokens, self.cost_cents),
        )


class Stats:
    name = "stats.v1"
    tables = (
        Table("stats_v1_conversations", ("workspace", "id")),
        Table("stats_v1_totals", ("workspace", "scope", "holder", "assistant_id", "source")),
        Table("stats_v1_slots", ("workspace", "scope", "holder", "slot", "assistant_id", "source")),
        Table("stats_v1_days", ("workspace", "scope", "holder", "day", "assistant_id", "source")),
    )

    def __init__(self, schema: str = LIVE) -> None:
        self._create = query("stats_create", schema)
        self._load = query("stats_load", schema)
        self._save = query("stats_save", schema)
        self._totals = query("stats_totals", schema)
        self._empty = query("stats_empty", schema)
        self._slots = query("stats_slots", schema)
        self._days = query("stats_days", schema)

    def create(self, connection: Connection) -> None:
        connection.execute(self._create)

    def work_out(self, page: Sequence[Recorded]) -> Write:
        return partial(self._count, [one for one in page if isinstance(one.event, COUNTING)])

    def last_event(self, table: str, row: dict[str, Any]) -> LastEvent | None:
        """A conversation's first: the row does not say which of its events counted last."""
        if table != "stats_v1_conversations":
            return None
        return LastEvent(stream_id(row["workspace"], row["id"]), version=1)

    def _count(self, counting: list[Recorded], connection: Connection) -> None:
        if not counting:
            return
        before = self._standings(connection, {(r.workspace, r.conversation) for r in counting})
        after = {key: msgspec.structs.replace(standing) for key, standing in before.items()}
        begun: dict[Slot, list[int]] = {}
        for recorded in counting:
            _count(recorded, after, begun)
        connection.execute(self._save, _conversations(after), prepare=True)
        self._add(connection, _differences(before, after))
        if begun:
            slots = _slots(begun)
            connection.execute(self._slots, slots, prepare=True)
            connection.execute(self._days, slots, prepare=True)

    def _standings(self, connection: Connection, keys: set[Key]) -> dict[Key, Standing]:
        ordered = sorted(keys)
        values = {"workspaces": [key[0] for key in ordered], "ids": [key[1] for key in ordered]}
        cursor = connection.cursor(binary=True).execute(self._load, values, prepare=True)
        return {(workspace, name): Standing(*rest) for workspace, name, *rest in cursor}

    def _add(self, connection: Connection, differences: dict[Place, list[Any]]) -> None:
        if not differences:
            return
        places = _columns(differences, ("workspaces", "scopes", "holders", "assistants", "sources"))
        names = ("active", "archived", "deleted", "messages", "inputs", "outputs", "costs")
        amounts = _columns(differences.values(), names)
        connection.execute(self._totals, places | amounts, prepare=True)
        if any(amount < 0 for name in names[:3] for amount in amounts[name]):
            connection.execute(self._empty, places, prepare=True)


COUNTING = (
    e.MessageAppended,
    e.ConversationStarted,
    e.ConversationReassigned,
    e.ConversationArchived,
    e.ConversationUnarchived,
    e.ConversationDeleted,
    e.ConversationRestored,
    e.MessageRetracted,
)


def _count(
    recorded: Recorded, standings: dict[Key, Standing], begun: dict[Slot, list[int]]
) -> None:
    """Raises KeyError where a stream does not begin with its start."""
    event = recorded.event
    key = (recorded.workspace, recorded.conversation)
    if isinstance(event, e.ConversationStarted):
        standing = Standing(event.source, event.assistant_id or NONE, event.user_id or NONE)
        standings[key] = standing
        _begin(begun, key[0], standing, event.created_at)[0] += 1
        return
    standing = standings[key]
    match event:
        case e.MessageAppended():
            standing.messages += 1
            standing.input_tokens += event.input_tokens
            standing.output_tokens += event.output_tokens
            if event.cost_cents is not None:
                standing.cost_cents += event.cost_cents
            _begin(begun, key[0], standing, event.created_at)[1] += 1
        case e.MessageRetracted():
            standing.messages -= 1
        case e.ConversationReassigned():
            standing.assistant_id = event.assistant_id or NONE
            standing.user_id = event.user_id or NONE
        case e.ConversationArchived() | e.ConversationUnarchived():
            standing.archived = isinstance(event, e.ConversationArchived)
        case _:
            standing.deleted = isinstance(event, e.ConversationDeleted)


def _begin(
    begun: dict[Slot, list[int]], workspace: str, standing: Standing, at: datetime
) -> list[int]:
    """Conversations and messages of a slot."""
    slot = slot_of(at)
    key = (workspace, standing.assistant_id, standing.user_id, standing.source, slot)
    return begun.setdefault(key, [0, 0])


def slot_of(at: datetime) -> datetime:
    at = at.astimezone(UTC)
    if at < FINE_BEFORE:
        return at.replace(microsecond=0)
    return at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)


def scopes(workspace: str, assistant_id: str, user_id: str, source: str) -> Iterator[Place]:
    """Where a conversation of these holders is counted."""
    yield workspace, "workspace", NONE, NONE, source
    if assistant_id != NONE:
        yield workspace, "assistant", assistant_id, NONE, source
    if user_id != NONE:
        yield workspace, "user", user_id, assistant_id, source


def _differences(before: dict[Key, Standing], after: dict[Key, Standing]) -> dict[Place, list[Any]]:
    found: dict[Place, list[Any]] = {}
    for (workspace, name), now in after.items():
        then = before.get((workspace, name))
        if then == now:
            continue
        for standing, sign in ((then, -1), (now, 1)):
            if standing is None:
                continue
            amounts = standing.amounts()
            held = (standing.assistant_id, standing.user_id, standing.source)
            for place in scopes(workspace, *held):
                row = found.setdefault(place, [0] * len(amounts))
                for index, amount in enumerate(amounts):
                    row[index] += sign * amount
    return {place: row for place, row in found.items() if any(row)}


def _conversations(standings: dict[Key, Standing]) -> dict[str, list[Any]]:
    names = ("sources", "assistants", "users", "archived", "deleted")
    sums = ("messages", "inputs", "outputs", "costs")
    rows = [msgspec.structs.astuple(standing) for standing in standings.values()]
    return _columns(standings, ("workspaces", "ids")) | _columns(rows, names + sums)


def _slots(begun: dict[Slot, list[int]]) -> dict[str, list[Any]]:
    """A row for each scope."""
    rows: dict[tuple[Place, datetime], list[int]] = {}
    for (workspace, assistant_id, user_id, source, slot), amounts in begun.items():
        for place in scopes(workspace, assistant_id, user_id, source):
            row = rows.setdefault((place, slot), [0, 0])
            row[0] += amounts[0]
            row[1] += amounts[1]
    places = ("workspaces", "scopes", "holders", "assistants", "sources")
    return (
        _columns([place for place, _ in rows], places)
        | {"slots": [slot for _, slot in rows]}
        | _columns(rows.values(), ("conversations", "messages"))
    )


def _columns(rows: Iterable[Sequence[Any]], names: Sequence[str]) -> dict[str, list[Any]]:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    return dict(zip(names, columns, strict=True))
