"""What clients wrote and read under faults, and what they were told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from zlib import crc32

Outcome = Literal["acknowledged", "refused", "unknown"]


@dataclass(slots=True)
class Write:
    """One append of `size` messages. No other has its name, and of these and of reads a million may be kept: no texts."""

    conversation: str
    name: str
    size: int
    sent: float
    outcome: Outcome = "unknown"
    ended: float = float("inf")
    first: int = 0
    """Sequence of its first message, as answered."""
    position: int = 0
    """Of its last event, as answered."""
    attempts: int = 0

    @property
    def contents(self) -> list[str]:
        return [f"{self.name}.{part}" for part in range(self.size)]

    @property
    def last(self) -> int:
        return self.first + self.size - 1


@dataclass(slots=True)
class Read:
    """That a read showed the last `shown` messages of `count`; `began` when it was sent."""

    conversation: str
    began: float
    shown: int
    digest: int
    """Of their contents, in order of sequence."""
    count: int
    """The conversation's `message_count`, as shown."""


def digest(contents: Sequence[str]) -> int:
    return crc32("\n".join(contents).encode())


@dataclass
class History:
    writes: list[Write] = field(default_factory=list[Write])
    reads: list[Read] = field(default_factory=list[Read])
    faults: list[str] = field(default_factory=list[str])
    """Answers that no fault excuses."""


def flat(writes: Sequence[Write]) -> list[str]:
    return [content for write in writes for content in write.contents]
