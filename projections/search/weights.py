"""What each word of a query weighs, from how common it is, and which words lead to the candidates.

A message's score is BM25's: for each word, its idf times a value that saturates with how often it stands there, and all of
it less for longer messages. PostgreSQL's `ts_rank` of one word saturates just so (1, 1.25, 1.36 … up to 1.64).
"""

import math
from collections.abc import Iterable, Mapping

import msgspec

from projections.search.query import Phrase, Query, Word
from projections.search.vectors import mark_of

MINOR = 0.3
"""What the parts of an identifier count where the whole of it is known; longer words where the typed one is."""
LIKELY = 0.8
"""What longer words count where the typed one is unknown."""
IN_A_ROW = 0.5
"""What two words in a row add, of what the commoner one adds by itself."""
MOST_WORDS = 16
MOST_CANDIDATES = 4_000
"""Messages that the words chosen to look by may hold together."""

# ts_rank of one word that stands once: its weight D, over the limit of its series.
_ONCE = 0.1 / (math.pi**2 / 6)


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

    `ranked` ones add more when it stands there more often.
    """

    asked: str
    weight: float
    ranked: bool


class Weighted(msgspec.Struct, frozen=True):
    """A word of the query: the best of its ways counts. `messages` is about how many have it."""

    slots: tuple[Slot, ...]
    asked: str
    idf: float
    messages: int
    leads: bool
    lexemes: tuple[str, ...]


class Near(msgspec.Struct, frozen=True):
    """Two words, by their numbers, in a row as `asked` says: what that adds."""

    first: int
    second: int
    asked: str
    weight: float


class Ranking(msgspec.Struct, frozen=True):
    """A query as PostgreSQL can answer it."""

    words: tuple[Weighted, ...]
    """The rarest come first."""
    drivers: str
    """What the candidates must match: the rare words together, as many as may be; empty where even the rarest is common."""
    is_complete: bool
    """Whether nothing that matches fails to match the drivers."""
    asked: str
    """What any match has."""
    must: str
    """What every match must match too; empty for nothing."""
    near: tuple[Near, ...]

    @property
    def worth(self) -> dict[str, float]:
        """What each lexeme that is looked for is worth to be seen."""
        return {lexeme: word.idf for word in reversed(self.words) for lexeme in word.lexemes}


class Weigher:
    """Weighs one query in one workspace."""

    def __init__(self, workspace: str, known: Known) -> None:
        self._mark = mark_of(workspace)
        self._known = known

    def ranking(self, query: Query) -> Ranking | None:
        """None where nothing can match."""
        weighed = [
            (n, found) for n, word in enumerate(query.words) if (found := self._weighted(word))
        ]
        weighed = sorted(weighed, key=lambda one: -one[1].idf)[:MOST_WORDS]
        words = [word for _, word in weighed]
        near = self._near(
            query, {number: place for place, (number, _) in enumerate(weighed)}, words
        )
        clauses = [[self._row(phrase) for phrase in clause] for clause in query.required]
        required = [_any(filter(None, clause)) for clause in clauses]
        excluded = [row for phrase in query.excluded if (row := self._row(phrase))]
        leading = [word for word in words if word.leads]
        if not leading or not all(required):
            return None
        must = [*(f"({clause})" for clause in required), *(f"!({row})" for row in excluded)]
        if required:
            messages = min(self._clause_messages(clause) for clause in query.required)
            drivers = " & ".join(f"({clause})" for clause in required)
            if messages > MOST_CANDIDATES:
                drivers = ""
            is_complete = bool(drivers)
        else:
            chosen = _rarest(leading)
            drivers = _any(word.asked for word in chosen)
            is_complete = len(chosen) == len(leading)
        asked = _any(word.asked for word in leading)
        return Ranking(tuple(words), drivers, is_complete, asked, " & ".join(must), near)

    def _near(
        self, query: Query, places: Mapping[int, int], words: list[Weighted]
    ) -> tuple[Near, ...]:
        found: list[Near] = []
        for pair in query.pairs:
            first, second = places.get(pair.first), places.get(pair.second)
            if first is not None and second is not None and (row := self._row(pair.phrase)):
                weight = IN_A_ROW * min(words[first].idf, words[second].idf)
                found.append(Near(first, second, row, weight))
        return tuple(found)

    def _weighted(self, word: Word) -> Weighted | None:
        counts = self._known.counts
        said = [lexeme for lexeme in word.lexemes if lexeme in counts]
        own = [lexeme for lexeme in said if "~" not in lexeme]
        foreign = [lexeme for lexeme in said if "~" in lexeme]
        share = MINOR if any(lexeme in counts for lexeme in word.beside) else 1.0
        slots = [
            self._slot(lexemes, sum(counts[name] for name in lexemes), share)
            for lexemes in (own, foreign)
            if lexemes
        ]
        if word.phrase is not None and (row := self._row(word.phrase)):
            count = self._phrase_count(word.phrase) // 4
            slots.append((Slot(row, share * self._known.idf(count), ranked=False), count))
        longer: dict[str, int] = {}
        if word.prefix is not None:
            longer = {k: n for k, n in self._longer(word.prefix).items() if k not in said}
        if longer:
            factor = MINOR if slots else LIKELY
            slots.append(self._slot(list(longer), sum(longer.values()), share * factor))
        if not slots:
            return None
        total = sum(count for _, count in slots)
        return Weighted(
            tuple(slot for slot, _ in slots),
            _any(slot.asked for slot, _ in slots),
            max(slot.weight for slot, _ in slots),
            self._known.estimate(total),
            word.leads,
            (*said, *longer),
        )

    def _slot(self, lexemes: list[str], count: int, share: float) -> tuple[Slot, int]:
        weight = share * self._known.idf(count)
        # ts_rank divides by the number of words asked for.
        return Slot(
            _any(map(self._quoted, lexemes)), weight * len(lexemes) / _ONCE, ranked=True
        ), count

    def _longer(self, prefix: str) -> Mapping[str, int]:
        """Words that begin so; where there are none, the longest word that this may be an ending of."""
        if self._known.longer:
            return self._known.longer
        counts = self._known.counts
        known = [stem for stem in beginnings(prefix) if stem in counts]
        return {known[-1]: counts[known[-1]]} if known else {}

    def _row(self, phrase: Phrase) -> str:
        """As a `tsquery`; empty where a word of it was never said."""
        row, last = "", 0
        for place, lexemes in phrase.words:
            said = [self._quoted(name) for name in lexemes if name in self._known.counts]
            if not said:
                return ""
            row += (f" <{place - last}> " if row else "") + f"({_any(said)})"
            last = place
        return f"({row})" if row else ""

    def _phrase_count(self, phrase: Phrase) -> int:
        return min(
            sum(self._known.counts.get(name, 0) for name in lexemes) for _, lexemes in phrase.words
        )

    def _clause_messages(self, clause: Iterable[Phrase]) -> int:
        counts = (self._phrase_count(phrase) for phrase in clause if self._row(phrase))
        return self._known.estimate(sum(counts))

    def _quoted(self, lexeme: str) -> str:
        return f"'{self._mark}{lexeme}'"


SHORTEST_STEM = 4


def beginnings(prefix: str) -> list[str]:
    """What a word that is being typed may be a longer form of: `reimbursemen` of `reimburs`. Numbers have no stems."""
    if not prefix.isalpha():
        return []
    return [prefix[:end] for end in range(max(SHORTEST_STEM, len(prefix) - 6), len(prefix))]


def _any(asked: Iterable[str]) -> str:
    return " | ".join(asked)


def _rarest(words: list[Weighted]) -> list[Weighted]:
    chosen: list[Weighted] = []
    total = 0
    for word in sorted(words, key=lambda word: word.messages):
        total += word.messages
        if total > MOST_CANDIDATES:
            break
        chosen.append(word)
    return chosen
