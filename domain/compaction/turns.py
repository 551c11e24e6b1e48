"""A context in the order in which a model reads it, before it takes the shape of a vendor."""

from collections.abc import Iterable, Sequence

import msgspec

from domain.compaction.entries import Entry, Group

Missing = tuple[Entry, str]
"""A call without an answer: the message that made it, and the call's id."""


class SummaryTurn(msgspec.Struct, frozen=True):
    """The summary as one message."""

    content: str
    tokens: int


class Turns(msgspec.Struct, frozen=True):
    """Groups in the log's order, the summary at the place of the last compacted message."""

    before: Sequence[Group]
    summary: SummaryTurn | None
    after: Sequence[Group]

    def groups(self) -> Iterable[Group]:
        yield from self.before
        yield from self.after


def turns_of(groups: Sequence[Group], summary: SummaryTurn | None, place: int) -> Turns:
    """`place` is the sequence of the last compacted message."""
    shown = [group for group in groups if not group.is_orphan]
    return Turns(
        [group for group in shown if group.sequence <= place],
        summary,
        [group for group in shown if group.sequence > place],
    )
