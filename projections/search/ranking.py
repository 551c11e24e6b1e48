"""A query as PostgreSQL can answer it: its words with their weights, and what leads to the candidates."""

import math
from collections.abc import Mapping

import msgspec


class Known(msgspec.Struct, frozen=True):
    """What a workspace's tables know of a query's words."""

    messages: int
    """In the workspace."""
    length: int
    """Of all of them together, in words."""
    counted: int
    """Messages that were counted for `counts`: all, or a sample."""
    counts: Mapping[str, int]
    """In how many of those each word stands; a word that was never said is not here."""
    longer: Mapping[str, int]
    """The same for words that begin as the last one does."""

    @property
    def average(self) -> float:
        return max(1.0, self.length / self.messages) if self.messages else 1.0

    def idf(self, count: float) -> float:
        rest = max(0.0, self.counted - count)
        return math.log1p((rest + 0.5) / (count + 0.5))

    def estimate(self, count: int) -> int:
        """Messages of the whole workspace."""
        if self.counted == self.messages or not self.counted:
            return count
        return math.ceil((count + 1) * self.messages / self.counted)


class Slot(msgspec.Struct, frozen=True):
    """A way for a word to be in a message, as a `tsquery`, and what it adds when it stands there once.

    `ranked` ones add more when it stands there more often. Where `gate` is not there, neither is this: it is tried
    first, being shorter.
    """

    asked: str
    weight: float
    ranked: bool
    gate: str = ""


class Weighted(msgspec.Struct, frozen=True):
    """A word of the query: the best of its ways counts. `messages` is about how many have it."""

    slots: tuple[Slot, ...]
    asked: str
    gate: str
    """What is there wherever any of its ways is, and hardly elsewhere; shorter."""
    idf: float
    messages: int
    leads: bool
    lexemes: tuple[str, ...]


class Near(msgspec.Struct, frozen=True):
    """Two words, by their numbers, in a row as `asked` says: what that adds."""

    first: int
    second: int
    asked: str
    gate: str
    """Of their beginnings: tried first, being shorter."""
    weight: float


class Ranking(msgspec.Struct, frozen=True):
    """A query as PostgreSQL can answer it."""

    words: tuple[Weighted, ...]
    """The rarest come first."""
    drivers: str
    """What the candidates must match: any of the rare words, as many as may be; empty where even the rarest is common."""
    together: str
    """What they must match then: several words at once; empty where even that is common."""
    is_complete: bool
    """Whether nothing that matches fails to match the drivers."""
    asked: str
    """What any match has."""
    gate: str
    """The same, and a little more; shorter."""
    must: str
    """What every match must match too; empty for nothing."""
    near: tuple[Near, ...]

    @property
    def worth(self) -> dict[str, float]:
        """What each lexeme that is looked for is worth to be seen."""
        return {lexeme: word.idf for word in reversed(self.words) for lexeme in word.lexemes}
