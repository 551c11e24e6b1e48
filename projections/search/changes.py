"""What a page of events changes of the search tables, added up before anything is written."""

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime

import msgspec

from domain import events as e
from domain.envelope import Recorded
from projections.search.texts import text_of_event
from projections.search.tokens import Indexed, Tokens

SHARE = 4
"""Of the messages, one in so many is counted for how common its words are: enough for an order."""

Key = tuple[str, str, int]
"""Workspace, conversation, sequence."""
Owner = tuple[str, str]
"""Workspace and conversation."""


class MessageRow(msgspec.Struct, frozen=True):
    position: int
    role: str
    created_at: datetime
    indexed: Indexed


class Totals(msgspec.Struct):
    """By how much a workspace's have changed."""

    messages: int = 0
    sampled: int = 0
    length: int = 0


class Changes:
    """A message that comes and is retracted on one page leaves only its words in the vocabulary."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self.messages: dict[Key, MessageRow] = {}
        self.retracted: list[Key] = []
        self.used: Counter[Owner] = Counter()
        """Tokens by conversation; one that only started has used 0."""
        self.titles: dict[Owner, Indexed] = {}
        self.terms: defaultdict[str, set[str]] = defaultdict(set)
        """By workspace, the lexemes of all that was said."""
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        """By workspace and lexeme, in how many more messages of the sample."""
        self.totals: dict[str, Totals] = {}

    def take(self, recorded: Recorded) -> None:
        """Events must come in the order of the log."""
        owner = (recorded.workspace, recorded.conversation)
        match recorded.event:
            case e.ConversationStarted(title=title):
                self.used[owner] += 0
                if title is not None:
                    self._retitle(owner, title)
            case e.ConversationRetitled(title=title):
                self._retitle(owner, title or "")
            case e.MessageAppended() as event:
                self.used[owner] += event.input_tokens + event.output_tokens
                self._append((*owner, event.sequence), event, recorded.position)
            case e.MessageRetracted(sequence=sequence):
                key = (*owner, sequence)
                row = self.messages.pop(key, None)
                if row is None:
                    self.retracted.append(key)
                else:
                    self.count(key, row.indexed.lexemes.keys(), row.indexed.length, -1)
            case _:
                pass

    def count(self, key: Key, lexemes: Iterable[str], length: int, sign: int) -> None:
        """A message comes (1) or goes (-1)."""
        workspace = key[0]
        totals = self.totals.setdefault(workspace, Totals())
        totals.messages += sign
        totals.length += sign * length
        if is_sampled(key):
            totals.sampled += sign
            (self.counts[workspace].update if sign > 0 else self.counts[workspace].subtract)(
                lexemes
            )

    def _append(self, key: Key, event: e.MessageAppended, position: int) -> None:
        indexed = self._tokens.index(text_of_event(event))
        if event.name is not None:
            indexed = self._tokens.with_name(indexed, event.name)
        self.messages[key] = MessageRow(position, event.role, event.created_at, indexed)
        self.terms[key[0]].update(indexed.lexemes)
        self.count(key, indexed.lexemes.keys(), indexed.length, 1)

    def _retitle(self, owner: Owner, title: str) -> None:
        self.titles[owner] = indexed = self._tokens.index(title)
        self.terms[owner[0]].update(indexed.lexemes)


def is_sampled(key: Key) -> bool:
    """By a hash, so that it does not matter when the message is taken in."""
    return zlib.crc32("{}:{}:{}".format(*key).encode()) % SHARE == 0
