"""What a client asks for: words, phrases, what to leave out, and the beginning of a last word.

Any of the words will do, and the more the better. A phrase in quotes must stand in the message, or one of several joined
by `or`; what follows a minus must not. A text without any word asks for nothing.
"""

# ruff: noqa: RUF001 - the quotes and hyphens that people type are meant

import re
from itertools import pairwise

import msgspec

from projections.search.folding import fold, script_of
from projections.search.tokens import Tokens, grams
from projections.search.words import Piece, chain_pattern, pieces

SHORTEST_PREFIX = 3
"""Letters that the last word must have for longer ones to be looked for."""

FARTHEST_PAIR = 4
"""Places from a word to the next that count as one after the other: between them are stop words."""

_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»＂", '"'))
_ITEM = re.compile(r'-?"[^"]*"?|[^\s"]+')
_OR = frozenset({"or", "OR", "|"})
_TELLING_NUMBER = re.compile(r".*\d{3}.*")
_NATURAL = re.compile(r"[^\W\d_]+(?:[-‐‑'’][^\W\d_]+)*")


class Word(msgspec.Struct, frozen=True):
    """Something to be found: any of `lexemes`, or all of `phrase` in a row, or what begins with `prefix`."""

    lexemes: tuple[str, ...]
    phrase: "Phrase | None" = None
    prefix: str | None = None
    beside: tuple[str, ...] = ()
    """An identifier that this is a part of: where it is known, its parts count little."""
    leads: bool = True
    """Whether it makes a match by itself: ORD is no more than a part of ORD-4711."""


class Phrase(msgspec.Struct, frozen=True):
    """Words in their places: for each its place from the first, and the lexemes any of which will do."""

    words: tuple[tuple[int, tuple[str, ...]], ...]


class Pair(msgspec.Struct, frozen=True):
    """Two words of a query that follow each other, by their numbers; better where they do so in a message."""

    first: int
    second: int
    phrase: Phrase


class Query(msgspec.Struct, frozen=True):
    """`required` are clauses of which each must hold, by any of its phrases; `excluded` of which none may."""

    words: tuple[Word, ...]
    required: tuple[tuple[Phrase, ...], ...] = ()
    excluded: tuple[Phrase, ...] = ()
    pairs: tuple[Pair, ...] = ()

    def lexemes(self) -> set[str]:
        """All that it speaks of."""
        phrases = [*self.excluded, *(phrase for clause in self.required for phrase in clause)]
        phrases += [word.phrase for word in self.words if word.phrase is not None]
        named = {lexeme for phrase in phrases for _, names in phrase.words for lexeme in names}
        return named.union(*(word.lexemes for word in self.words))


class _Item(msgspec.Struct):
    text: str
    quoted: bool
    excluded: bool
    is_last: bool


def parse(tokens: Tokens, text: str) -> Query:
    """Never fails: what cannot be understood is taken for words."""
    words: dict[tuple[str, ...], Word] = {}
    required: list[tuple[Phrase, ...]] = []
    excluded: list[Phrase] = []
    clauses = _clauses(text.translate(_QUOTES))
    for clause in clauses:
        phrases = [_phrase(tokens, item.text) for item in clause]
        for item, phrase in zip(clause, phrases, strict=True):
            if item.excluded:
                excluded += [phrase] if phrase.words else []
                continue
            for word in _words(tokens, item):
                known = words.get(word.lexemes)
                if known is None or (word.leads and not known.leads):
                    words[word.lexemes] = word
        if any(item.quoted and not item.excluded for item in clause):
            alternatives = tuple(phrase for phrase in phrases if phrase.words)
            required += [alternatives] if alternatives else []
    positive = " ".join(item.text for clause in clauses for item in clause if not item.excluded)
    pairs = _pairs(_phrase(tokens, positive), {names: n for n, names in enumerate(words)})
    return Query(tuple(words.values()), tuple(required), tuple(excluded), tuple(pairs))


def _pairs(row: Phrase, numbers: dict[tuple[str, ...], int]) -> list[Pair]:
    return [
        Pair(numbers[left], numbers[right], Phrase(((0, left), (to - at, right))))
        for (at, left), (to, right) in pairwise(row.words)
        if to - at <= FARTHEST_PAIR and left in numbers and right in numbers
    ]


def _clauses(text: str) -> list[list[_Item]]:
    """Items, those that `or` joins together."""
    clauses: list[list[_Item]] = []
    joined = False
    for match in _ITEM.finditer(text):
        item = match[0]
        if item in _OR:
            joined = bool(clauses)
            continue
        negative = item[0] == "-" and len(item) > 1
        bare = item[1:] if negative else item
        found = _Item(bare.strip('"'), bare[0] == '"', negative, match.end() == len(text))
        if joined and not negative and not clauses[-1][0].excluded:
            clauses[-1].append(found)
        else:
            clauses.append([found])
        joined = False
    return clauses


def _phrase(tokens: Tokens, text: str) -> Phrase:
    parts: list[Piece] = []
    place = 0
    for match in chain_pattern(text).finditer(text):
        found, places = pieces(match[0])
        parts += [part._replace(place=place + part.place) for part in found]
        place += places
    return _words_in_a_row(tokens, parts)


def _words_in_a_row(tokens: Tokens, parts: list[Piece]) -> Phrase:
    words = [word for part in parts if part.kind != "whole" for word in _placed(tokens, part)]
    return Phrase(tuple((place - words[0][0], names) for place, names in words))


def _placed(tokens: Tokens, piece: Piece) -> list[tuple[int, tuple[str, ...]]]:
    if piece.kind == "grams":
        whole = len(piece.text) == 1
        return [
            (piece.place + at, (gram,)) for gram, at, size in grams(piece.text) if whole or size > 1
        ]
    names = tokens.asked_as(piece)
    return [(piece.place, names)] if names else []


def _words(tokens: Tokens, item: _Item) -> list[Word]:
    found: list[Word] = []
    for match in chain_pattern(item.text).finditer(item.text):
        ends_the_query = item.is_last and not item.quoted and match.end() == len(item.text)
        found += _chain_words(tokens, match[0], may_go_on=ends_the_query)
    return found


def _chain_words(tokens: Tokens, chain: str, *, may_go_on: bool) -> list[Word]:
    parts, _ = pieces(chain)
    wholes = [name for part in parts if part.kind == "whole" for name in tokens.asked_as(part)]
    beside = () if _NATURAL.fullmatch(chain) else tuple(wholes)
    has_digits = any(letter.isdigit() for letter in chain)
    found: list[Word] = []
    for part in parts:
        if part.kind == "whole":
            inside = [p for p in parts if part.start <= p.start and p.end <= part.end]
            found.append(Word(tokens.asked_as(part), phrase=_words_in_a_row(tokens, inside)))
        else:
            leads = not beside or not has_digits or _TELLING_NUMBER.fullmatch(part.text) is not None
            placed = _placed(tokens, part)
            found += [Word(names, beside=beside, leads=leads) for _, names in placed]
    last = parts[-1] if parts else None
    if may_go_on and found and last and last.kind in ("word", "whole") and tokens.asked_as(last):
        prefix = fold(last.text, script_of(last.text))
        if len(prefix) >= SHORTEST_PREFIX:
            found[-1] = msgspec.structs.replace(found[-1], prefix=prefix)
    return found
