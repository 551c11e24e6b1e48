"""What the API promises, in plain lists: no log, no cache, no read model. Knows nothing of the service's code."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


class No(Exception):  # noqa: N818 - an answer
    """The answer is this status and code."""


@dataclass
class Message:
    id: str
    role: str
    content: Any
    calls: list[str] = field(default_factory=list)
    answers: str | None = None
    kind: str = "message"
    sequence: int = 0
    pinned: bool = False
    retracted: bool = False

    def same(self, other: "Message") -> bool:
        return self.told() == other.told()

    def told(self) -> tuple[Any, ...]:
        return self.id, self.role, self.content, self.calls, self.answers


@dataclass
class Conversation:
    fields: dict[str, str | None] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    archived: bool = False
    deleted: bool = False
    version: int = 0
    messages: list[Message] = field(default_factory=list)
    open_calls: list[tuple[str, int]] = field(default_factory=list)
    left: set[int] = field(default_factory=set)
    """Sequences that a compaction took out of the context."""
    returned: dict[int, set[int]] = field(default_factory=dict)
    """By pin, what it brought back."""

    @property
    def status(self) -> str:
        return "deleted" if self.deleted else "archived" if self.archived else "active"

    def standing(self) -> list[Message]:
        return [m for m in self.messages if not m.retracted]

    def compacted(self, sequence: int) -> bool:
        return sequence in self.left and not any(sequence in b for b in self.returned.values())

    def context(self, *, whole: bool = False) -> tuple[list[Message], list[Message]]:
        """What stands in it, results right after their calls; and the results that lost their call."""
        live = [
            m
            for m in self.standing()
            if m.kind == "message" and (whole or not self.compacted(m.sequence))
        ]
        found = groups(live)
        orphans = [group[0] for group in found if group[0].role == "tool"]
        return [m for group in found for m in group if m not in orphans], orphans

    def find(self, name: str) -> Message | None:
        return next((m for m in self.messages if m.id == name), None)

    def append(self, messages: Sequence[Message]) -> int:
        """201, or 200 where all of them stand already. Raises No."""
        found = [self.find(m.id) for m in messages]
        stand = all(
            f and not f.retracted and f.same(m) for f, m in zip(found, messages, strict=True)
        )
        calls, sequence = list(self.open_calls), len(self.messages)
        for message in messages:
            sequence += 1
            message.sequence = sequence
            if message.role == "tool":
                mine = [call for call in calls if call[0] == message.answers]
                if not mine:
                    if stand:
                        return 200
                    if any(found):
                        raise No(409, "already_exists")
                    raise No(400, "unmatched_tool_call")
                calls.remove(mine[-1])
            calls += [(call, sequence) for call in message.calls]
        if stand:
            return 200
        if any(found) or len({m.id for m in messages}) < len(messages):
            raise No(409, "already_exists")
        self.version += len(messages) + self.archived
        self.archived = False
        self.messages += messages
        self.open_calls = calls
        return 201

    def update(self, patch: dict[str, Any]) -> None:
        named = {k: v for k, v in patch.items() if k in ("title", "user_id", "assistant_id")}
        changed = {k for k, v in named.items() if self.fields.get(k) != v}
        self.version += ("title" in changed) + bool(changed - {"title"})
        self.fields |= named
        merged = self.metadata | patch.get("metadata", {})
        kept = {k: v for k, v in merged.items() if v is not None}
        self.version += kept != self.metadata
        self.metadata = kept
        archived = {"archived": True, "active": False}.get(patch.get("status", ""), self.archived)
        self.version += archived != self.archived
        self.archived = archived

    def delete(self, *, deleted: bool = True) -> None:
        self.version += deleted != self.deleted
        self.deleted = deleted

    def pin(self, message: Message, *, pinned: bool) -> None:
        if message.retracted:
            raise No(404, "message_not_found")
        self.version += pinned != message.pinned
        if not pinned:
            self.returned.pop(message.sequence, None)
        elif not message.pinned and message.sequence in self.left:
            own = [m for m in self.standing() if m.kind == "message"]
            group = next(g for g in groups(own) if message in g)
            self.returned[message.sequence] = {m.sequence for m in group} & self.left
        message.pinned = pinned

    def retract(self, message: Message) -> None:
        self.version += not message.retracted
        message.retracted, message.pinned = True, False
        self.returned.pop(message.sequence, None)
        self.open_calls = [call for call in self.open_calls if call[1] != message.sequence]

    def compact(self, sequences: set[int]) -> None:
        """`sequences` is what the service chose; what pins had brought back stays from now on."""
        self.version += 1
        back = set[int]().union(*self.returned.values())
        self.left = (self.left - back) | sequences
        self.returned = {}


def groups(messages: list[Message]) -> list[list[Message]]:
    """A message with its calls' results: each belongs to the nearest earlier open call of its id."""
    made: list[list[Message]] = []
    waiting: list[tuple[str, list[Message]]] = []
    for message in messages:
        mine = [call for call in waiting if call[0] == message.answers]
        if message.role == "tool" and mine:
            waiting.remove(mine[-1])
            mine[-1][1].append(message)
            continue
        made.append([message])
        waiting += [(call, made[-1]) for call in message.calls]
    return made
