"""The read model `search`: the words of messages and titles, and what a ranking needs to know of them."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from domain.envelope import Recorded
from domain.ids import stream_id
from eventstore.connect import Connection
from projections.queries import LIVE, query
from projections.read_model import LastEvent, Table, Write
from projections.search.changes import Changes, Key
from projections.search.tokens import VERSION, Tokens
from projections.search.vectors import unmarked, vector

NAME = f"search.v{VERSION}"


class Search:
    """Its tables hold nothing that a conversation's row or a message's holds: a search joins them."""

    name = NAME
    tables = (
        Table("search_messages_v1", ("workspace", "conversation", "sequence")),
        Table("search_conversations_v1", ("workspace", "id")),
        Table("search_terms_v1", ("workspace", "term")),
        Table("search_totals_v1", ("workspace",)),
    )

    def __init__(self, schema: str = LIVE) -> None:
        self._create = query("search_create", schema)
        self._insert = query("search_insert", schema)
        self._clean = query("search_clean", schema)
        self._retract = query("search_retract", schema)
        self._save_conversations = query("search_save_conversations", schema)
        self._retitle = query("search_retitle", schema)
        self._add_terms = query("search_add_terms", schema)
        self._count_terms = query("search_count_terms", schema)
        self._count_totals = query("search_count_totals", schema)
        self._tokens = Tokens()

    def create(self, connection: Connection) -> None:
        connection.execute(self._create)

    def work_out(self, page: Sequence[Recorded]) -> Write:
        changes = Changes(self._tokens)
        for recorded in page:
            changes.take(recorded)
        return partial(self._write, changes, _messages(changes))

    def last_event(self, table: str, row: dict[str, Any]) -> LastEvent | None:
        if table != "search_messages_v1":
            return None
        stream = stream_id(row["workspace"], row["conversation"])
        return LastEvent(stream, position=row["position"])

    def _write(
        self, changes: Changes, messages: dict[str, list[Any]], connection: Connection
    ) -> None:
        if changes.retracted:
            self._remove(connection, changes)
        if changes.messages:
            connection.execute(self._insert, messages, prepare=True)
            connection.execute(self._clean, prepare=True)
        self._write_conversations(connection, changes)
        self._write_counts(connection, changes)

    def _remove(self, connection: Connection, changes: Changes) -> None:
        gone = connection.execute(self._retract, _keys(changes.retracted), prepare=True)
        for workspace, conversation, sequence, length, words in gone.fetchall():
            key = (workspace, conversation, sequence)
            changes.count(key, [unmarked(word) for word in words], length, -1)

    def _write_conversations(self, connection: Connection, changes: Changes) -> None:
        if changes.used:
            values = {
                "workspaces": [workspace for workspace, _ in changes.used],
                "ids": [name for _, name in changes.used],
                "tokens": list(changes.used.values()),
            }
            connection.execute(self._save_conversations, values, prepare=True)
        if changes.titles:
            values = {
                "workspaces": [workspace for workspace, _ in changes.titles],
                "ids": [name for _, name in changes.titles],
                "lengths": [title.length for title in changes.titles.values()],
                "words": [
                    vector(workspace, title.lexemes)
                    for (workspace, _), title in changes.titles.items()
                ],
            }
            connection.execute(self._retitle, values, prepare=True)

    def _write_counts(self, connection: Connection, changes: Changes) -> None:
        counted = {
            workspace: {term: count for term, count in sorted(counts.items()) if count}
            for workspace, counts in sorted(changes.counts.items())
        }
        if any(counted.values()):
            values = _terms(counted) | {
                "counts": [n for counts in counted.values() for n in counts.values()]
            }
            connection.execute(self._count_terms, values, prepare=True)
        merely_said = {
            workspace: sorted(said.difference(counted.get(workspace, ())))
            for workspace, said in sorted(changes.terms.items())
        }
        if any(merely_said.values()):
            connection.execute(self._add_terms, _terms(merely_said), prepare=True)
        if changes.totals:
            values = {
                "workspaces": list(changes.totals),
                "messages": [totals.messages for totals in changes.totals.values()],
                "sampled": [totals.sampled for totals in changes.totals.values()],
                "lengths": [totals.length for totals in changes.totals.values()],
            }
            connection.execute(self._count_totals, values, prepare=True)


def _messages(changes: Changes) -> dict[str, list[Any]]:
    rows = changes.messages
    return _keys(list(rows)) | {
        "positions": [row.position for row in rows.values()],
        "roles": [row.role for row in rows.values()],
        "created": [row.created_at for row in rows.values()],
        "lengths": [row.indexed.length for row in rows.values()],
        "truncated": [row.indexed.truncated for row in rows.values()],
        "words": [vector(key[0], row.indexed.lexemes) for key, row in rows.items()],
    }


def _terms(by_workspace: Mapping[str, Collection[str]]) -> dict[str, list[Any]]:
    return {
        "workspaces": [workspace for workspace, terms in by_workspace.items() for _ in terms],
        "terms": [term for terms in by_workspace.values() for term in terms],
    }


def _keys(keys: list[Key]) -> dict[str, list[Any]]:
    return {
        "workspaces": [key[0] for key in keys],
        "conversations": [key[1] for key in keys],
        "sequences": [key[2] for key in keys],
    }
