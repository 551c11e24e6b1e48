"""Which messages left the context, as a state keeps it: small, however long the conversation grows.

Everything up to a sequence is compacted, but for a few that stay: system messages, pins, open calls. What a
pin brings back is kept apart, by pin, so that unpinning takes it out again.
"""

import msgspec
from msgspec.structs import replace

from domain import events as e
from domain import ranges
from domain.policy import Strategy

Sequences = tuple[int, ...]


class Compacted(msgspec.Struct, frozen=True):
    """`early` are the sequences up to `upto` that were never compacted, ascending; some may be retracted."""

    version: int
    """Of the last compaction's event: it holds the summary."""
    upto: int
    early: Sequences
    returned: dict[str, Sequences]
    """Pinned sequence → the compacted messages that it brought back; as text, for keys of JSON are."""
    watermark: int
    strategy: Strategy
    keep_recent: int
    target_tokens: int | None
    tokens_after: int
    """Of the last compaction: the automatic kind waits until the context has grown from there."""
    summary_id: str | None
    summarized: int
    """How many messages the summary stands for."""
    first_sequence: int
    last_sequence: int
    lost: tuple[int, ...] = ()
    """Compacted messages that were retracted since: the summary must not show them any more."""
    groups: tuple[Sequences, ...] = ()
    """Those of `early` that a pin brought back before the last compaction, in the groups in which they came."""

    def live(self) -> list[int]:
        """The sequences up to `upto` that stand in the context, ascending."""
        back = {member for members in self.returned.values() for member in members}
        return sorted({*self.early, *back})

    def is_compacted(self, sequence: int) -> bool:
        """Whether the message has left the context and no pin brought it back."""
        return sequence <= self.upto and sequence not in self.live()

    def back(self) -> list[Sequences]:
        """The groups that left the context and were brought back: no two of them share a member.

        What is in them belongs together, whatever else holds the same call ids: else what a pin brings back could
        take the answer to a call that waits, be taken for one, or lose its own.
        """
        return [*self.groups, *dict.fromkeys(filter(None, self.returned.values()))]

    def returned_with(self, sequence: int) -> Sequences:
        """What a pin that still holds this message brought back; nothing where none does."""
        return next((group for group in self.returned.values() if sequence in group), ())

    def is_held_by(self, pinned: int) -> bool:
        """Whether the pin of this message brought compacted ones back."""
        return str(pinned) in self.returned

    def untold(self) -> frozenset[int]:
        """What the summary stood for when it was made, but does not any more."""
        back = (member for members in self.returned.values() for member in members)
        return frozenset((*back, *self.lost))


def compacted_again(
    before: Compacted | None,
    event: e.ConversationCompacted,
    retracted: frozenset[int],
    version: int,
) -> Compacted:
    """After a compaction. What pins had brought back stays from now on in its own right."""
    old_upto = before.upto if before is not None else 0
    upto = max([old_upto, *(run.last for run in event.compacted)])
    stayed = before.live() if before is not None else []
    early = [s for s in stayed if not ranges.holds(event.compacted, s)]
    early += ranges.gaps(event.compacted, old_upto + 1, upto)
    early = [s for s in early if s not in retracted]
    back = before.back() if before is not None else []
    groups = [tuple(s for s in group if s in early) for group in back]
    return Compacted(
        version=version,
        upto=upto,
        early=tuple(early),
        groups=tuple(sorted(filter(None, groups))),  # `returned` has no order once it was JSON
        returned={},
        watermark=event.watermark,
        strategy=event.strategy,
        keep_recent=event.keep_recent,
        target_tokens=event.target_tokens,
        tokens_after=event.tokens_after,
        summary_id=event.summary_id,
        summarized=event.summarized,
        first_sequence=event.first_sequence,
        last_sequence=event.last_sequence,
    )


def brought_back(compacted: Compacted | None, event: e.MessagePinned) -> Compacted | None:
    if compacted is None or not event.returned:
        return compacted
    return replace(compacted, returned=compacted.returned | {str(event.sequence): event.returned})


def taken_back(compacted: Compacted | None, sequence: int) -> Compacted | None:
    if compacted is None or not compacted.is_held_by(sequence):
        return compacted
    left = {pin: members for pin, members in compacted.returned.items() if pin != str(sequence)}
    return replace(compacted, returned=left)


def without(compacted: Compacted | None, sequence: int) -> Compacted | None:
    """Without a retracted message, and what its own pin had brought back."""
    if compacted is None:
        return None
    was_told = sequence <= compacted.upto and sequence not in compacted.early
    early = tuple(other for other in compacted.early if other != sequence)
    groups = [tuple(other for other in group if other != sequence) for group in compacted.groups]
    returned = {
        pin: tuple(member for member in members if member != sequence)
        for pin, members in compacted.returned.items()
        if pin != str(sequence)
    }
    lost = (*compacted.lost, sequence) if was_told else compacted.lost
    return replace(
        compacted, early=early, groups=tuple(filter(None, groups)), returned=returned, lost=lost
    )
