"""Pairs of a write and a read that must show it: what one client writes, and how each read is judged."""

import random
from itertools import count
from typing import Any

import msgspec

from bench.asking import Told

SHOWN = 5
"""How many messages a read asks for."""
MOST = 60
"""Messages of a conversation, before its client goes on with another."""


class Known(msgspec.Struct):
    """A conversation as its only writer left it."""

    id: str
    title: str | None = None
    messages: list[str] = []
    pinned: set[str] = set()
    deleted: bool = False
    version: int = 0


class Write(msgspec.Struct, frozen=True):
    kind: str
    method: str
    path: str
    body: Any
    after: Known
    """The conversation once it is acknowledged; its version comes with the answer."""


class Writer:
    """One client's writes: a few conversations that nobody else writes to."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.user = name
        self._chance = chance
        self._numbers = count(1)
        self._known: list[Known] = []

    def next(self) -> Write:
        standing = [known for known in self._known if len(known.messages) < MOST]
        if len(standing) < 3 or self._chance.random() < 0.1:
            return self._create()
        known = self._chance.choice(standing)
        after = Known(
            known.id, known.title, [*known.messages], {*known.pinned}, known.deleted, known.version
        )
        path = f"/conversations/{known.id}"
        if known.deleted:
            after.deleted = False
            return Write("restore", "POST", f"{path}/restore", None, after)
        pick = self._chance.random()
        if pick < 0.5:
            return self._append(after, path)
        if pick < 0.65:
            after.title = f"title {next(self._numbers)}"
            return Write("update", "PATCH", path, {"title": after.title}, after)
        if pick < 0.85:
            return self._pin(after, path)
        after.deleted = True
        return Write("delete", "DELETE", path, None, after)

    def acknowledged(self, write: Write, version: int) -> Known:
        known = write.after
        known.version = version
        self._known = [other for other in self._known if other.id != known.id][-9:]
        self._known.append(known)
        return known

    def _create(self) -> Write:
        name = f"{self.user}-c{next(self._numbers)}"
        sent = [self._message() for _ in range(self._chance.randint(0, 3))]
        body = {"id": name, "user_id": self.user, "title": name, "messages": sent}
        known = Known(name, name, [message["id"] for message in sent])
        return Write("create", "POST", "/conversations", body, known)

    def _append(self, after: Known, path: str) -> Write:
        sent = [self._message() for _ in range(self._chance.choice([1, 1, 1, 3]))]
        after.messages += [message["id"] for message in sent]
        if len(sent) == 1:
            return Write("append", "POST", f"{path}/messages", sent[0], after)
        return Write("batch", "POST", f"{path}/messages/batch", {"messages": sent}, after)

    def _pin(self, after: Known, path: str) -> Write:
        """Of one that the reads will show."""
        if not after.messages:
            return self._append(after, path)
        message = self._chance.choice(after.messages[-SHOWN:])
        after.pinned ^= {message}
        pinned = message in after.pinned
        kind = "pin" if pinned else "unpin"
        return Write(kind, "PATCH", f"{path}/messages/{message}", {"is_pinned": pinned}, after)

    def _message(self) -> dict[str, Any]:
        name = f"{self.user}-m{next(self._numbers)}"
        return {"id": name, "role": "user", "content": f"message {name}"}


READS = ("conversation", "messages", "list")


def read_path(read: str, user: str, known: Known) -> str:
    match read:
        case "conversation":
            return f"/conversations/{known.id}?message_limit={SHOWN}"
        case "messages":
            return f"/conversations/{known.id}/messages?order=desc&limit={SHOWN}"
        case _:
            status = "deleted" if known.deleted else "active"
            return f"/conversations?user_id={user}&status={status}&sort_by=updated_at&limit=3"


def shows(read: str, answer: Told, known: Known) -> bool:
    """Whether the answer is the conversation as its last write left it: its writer waits, so nothing newer is there."""
    if read == "list":
        if answer.status != 200:
            return False
        found = [one for one in answer.data if one["id"] == known.id]
        return [_listed(one) for one in found] == [_listed_of(known)]
    if known.deleted:
        return answer.status == 404
    if answer.status != 200 or answer.headers["etag"] != f'"{known.version}"':
        return False
    messages = answer.data[::-1] if read == "messages" else answer.data["messages"]
    if read == "conversation" and _listed(answer.data) != _listed_of(known):
        return False
    wanted = [(message, message in known.pinned) for message in known.messages[-SHOWN:]]
    return [(one["id"], one["is_pinned"]) for one in messages] == wanted


def _listed(one: dict[str, Any]) -> tuple[Any, ...]:
    return one["version"], one["title"], one["message_count"], one["status"] == "deleted"


def _listed_of(known: Known) -> tuple[Any, ...]:
    return known.version, known.title, len(known.messages), known.deleted
