"""What each word of a query weighs, from how common it is, and which words lead to the candidates.

A message's score is BM25's: for each word, its idf times a value that saturates with how often it stands there, and all of
it less for longer messages. PostgreSQL's `ts_rank` of one word saturates just so (1, 1.25, 1.36 … up to 1.64).
"""

import math
import os.path
from collections.abc import Iterable, Mapping

from projections.search.query import Phrase, Query, Word
from projections.search.ranking import Known, Near, Ranking, Slot, Weighted
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
MOST_TOGETHER = 1_500
"""Messages expected to hold several common words at once, if each came by itself; words of one subject come together."""
SHORTEST_GATE = 3

# ts_rank of one word that stands once: its weight D, over the limit of its series.
_ONCE = 0.1 / (math.pi**2 / 6)


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
        return Ranking(
            words=tuple(words),
            drivers=drivers,
            together="" if drivers or required else self._together(leading),
            is_complete=is_complete,
            asked=_any(word.asked for word in leading),
            gate=_any(word.gate for word in leading),
            must=" & ".join(must),
            near=near,
        )

    def _together(self, words: list[Weighted]) -> str:
        """So many of the rarest that few messages have them all."""
        messages = max(1, self._known.messages)
        expected = float(messages)
        chosen: list[str] = []
        for word in sorted(words, key=lambda word: word.messages):
            expected *= word.messages / messages
            chosen.append(f"({word.slots[0].asked})")
            if len(chosen) > 1 and expected <= MOST_TOGETHER:
                return " & ".join(chosen)
        return ""

    def _near(
        self, query: Query, places: Mapping[int, int], words: list[Weighted]
    ) -> tuple[Near, ...]:
        found: list[Near] = []
        for pair in query.pairs:
            first, second = places.get(pair.first), places.get(pair.second)
            if first is not None and second is not None and (row := self._row(pair.phrase)):
                weight = IN_A_ROW * min(words[first].idf, words[second].idf)
                gate = self._row(pair.phrase, gates=True)
                found.append(Near(first, second, row, gate, weight))
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
        gates = [slot.asked for slot, _ in slots if not slot.ranked]
        return Weighted(
            tuple(slot for slot, _ in slots),
            _any(slot.asked for slot, _ in slots),
            _any([*self._gates([*said, *longer]), *gates]),
            max(slot.weight for slot, _ in slots),
            self._known.estimate(total),
            word.leads,
            (*said, *longer),
        )

    def _slot(self, lexemes: list[str], count: int, share: float) -> tuple[Slot, int]:
        weight = share * self._known.idf(count)
        # ts_rank divides by the number of words asked for.
        stems = {lexeme.partition("~")[0] for lexeme in lexemes if "~" in lexeme}
        all_are_forms = all("~" in lexeme for lexeme in lexemes)
        gate = _any(f"{self._quoted(stem + '~')}:*" for stem in sorted(stems))
        return Slot(
            _any(map(self._quoted, lexemes)),
            weight * len(lexemes) / _ONCE,
            ranked=True,
            gate=gate if all_are_forms and len(stems) < len(lexemes) else "",
        ), count

    def _gates(self, lexemes: list[str]) -> list[str]:
        """What all of these begin with; themselves where that says little."""
        beginning = os.path.commonprefix(lexemes)  # noqa: RUF071 - letters are meant
        if len(lexemes) > 1 and len(beginning) >= SHORTEST_GATE:
            return [f"{self._quoted(beginning)}:*"]
        return list(map(self._quoted, lexemes))

    def _longer(self, prefix: str) -> Mapping[str, int]:
        """Words that begin so; where there are none, the longest word that this may be an ending of."""
        if self._known.longer:
            return self._known.longer
        counts = self._known.counts
        known = [stem for stem in beginnings(prefix) if stem in counts]
        return {known[-1]: counts[known[-1]]} if known else {}

    def _row(self, phrase: Phrase, *, gates: bool = False) -> str:
        """As a `tsquery`, of whole words or of their beginnings; empty where a word of it was never said."""
        row, last = "", 0
        for place, lexemes in phrase.words:
            said = [name for name in lexemes if name in self._known.counts]
            if not said:
                return ""
            names = self._gates(said) if gates else map(self._quoted, said)
            row += (f" <{place - last}> " if row else "") + f"({_any(names)})"
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
