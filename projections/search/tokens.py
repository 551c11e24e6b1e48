"""From words to lexemes: what the index holds of a text, what a query asks for, what a snippet marks.

One class for all three, so that they cannot differ. `VERSION` is part of the read model's name: another way to make
lexemes is another read model.
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import lru_cache

import msgspec

from projections.search.folding import fold, script_of, spelled_out
from projections.search.languages import FUNCTION_WORDS, NAMES, SCRIPTS, STOP_WORDS, guess, stemmer
from projections.search.words import Piece, chain_pattern, pieces, without_escapes

VERSION = 1
MOST_CHARACTERS = 65_536
"""Of a text that are indexed; with MOST_LEXEMES, what keeps any message within what PostgreSQL can index."""
MOST_LEXEMES = 4_096
LONGEST_LEXEME = 40
LAST_POSITION = 16_383
"""Of PostgreSQL's tsvector: whatever stands later counts as standing there."""
_CACHED = 100_000
_ASKED_CACHED = 10_000
_LONGEST_CACHED = 48

Entries = tuple[tuple[tuple[str, int], ...], int, int]
"""Lexemes with their places in a chain, the places it takes, and the words in it that count."""


class Indexed(msgspec.Struct, frozen=True):
    """A text's lexemes with their positions, and its length in words that are not stop words."""

    lexemes: dict[str, str]
    """Positions as a `tsvector` is written with: `3`, `1,7`. Lists would keep the garbage collector busy."""
    length: int
    truncated: bool


class Span(msgspec.Struct, frozen=True):
    """Where in a text a word stands, and its lexemes."""

    start: int
    end: int
    lexemes: tuple[str, ...]


class _Chains(dict[str, Entries]):
    """What the chains of one language are made into; short ones are kept, until those of all languages are too many."""

    def __init__(self, language: str, make: Callable[[str, str], Entries], kept: "_Kept") -> None:
        super().__init__()
        self._language, self._make, self._kept = language, make, kept

    def __missing__(self, chain: str) -> Entries:
        found = self._make(chain, self._language)
        if len(chain) <= _LONGEST_CACHED:
            if sum(map(len, self._kept.values())) >= _CACHED:
                for chains in self._kept.values():
                    chains.clear()
            self[chain] = found
        return found


_Kept = dict[str, _Chains]
"""By language. Plain dictionaries: asked for each word, the order of uses that `lru_cache` keeps would cost more than it saves."""


class Tokens:
    """Holds the stemmers and what they made of words already. Not safe to share between threads."""

    def __init__(self) -> None:
        self._english = stemmer("english")
        self._foreign = {code: stemmer(name) for code, name in NAMES.items()}
        self._scripts = {code: stemmer(name) for code, name in SCRIPTS.items()}
        self._kept: _Kept = {}
        self._asked = lru_cache(_ASKED_CACHED)(self._all_forms)

    def index(self, text: str) -> Indexed:
        """What the index holds of a text: at most MOST_LEXEMES, of at most MOST_CHARACTERS."""
        seen = without_escapes(text[:MOST_CHARACTERS])
        chains = self._chains(guess(seen))
        lexemes: dict[str, str] = {}
        position, length = 1, 0
        for entries, places, words in map(chains.__getitem__, chain_pattern(seen).findall(seen)):
            if len(lexemes) + len(entries) > MOST_LEXEMES:
                return Indexed(lexemes, length, truncated=True)
            for lexeme, place in entries:
                if lexeme in lexemes:
                    lexemes[lexeme] += f",{position + place}"
                else:
                    lexemes[lexeme] = str(position + place)
            position += places
            length += words
        return Indexed(lexemes, length, truncated=len(text) > MOST_CHARACTERS)

    def with_name(self, indexed: Indexed, name: str) -> Indexed:
        """With the lexemes of an author's name, which no phrase reaches into."""
        named = dict.fromkeys(self.index(name).lexemes, str(LAST_POSITION))
        return msgspec.structs.replace(indexed, lexemes=named | indexed.lexemes)

    def spans(self, text: str) -> Iterator[Span]:
        """Every word that `index` sees, where it stands."""
        seen = without_escapes(text[:MOST_CHARACTERS])
        language = guess(seen)
        for match in chain_pattern(seen).finditer(seen):
            for piece in pieces(match[0])[0]:
                yield from self._spans(piece, match.start(), language)

    def indexed_as(self, piece: Piece, language: str) -> list[tuple[str, int]]:
        """A piece's lexemes, with their places."""
        if piece.kind == "grams":
            return [(gram, piece.place + at) for gram, at, _ in grams(piece.text)]
        forms = self._forms(piece.text, piece.kind, (language,))
        return [(short(form), piece.place) for form in forms]

    def asked_as(self, piece: Piece) -> tuple[str, ...]:
        """The lexemes any of which a word or whole may be indexed as, the likeliest first; none for a stop word."""
        return self._asked(piece.text, piece.kind)

    def _all_forms(self, word: str, kind: str) -> tuple[str, ...]:
        return tuple(short(form) for form in self._forms(word, kind, tuple(NAMES)))

    def _spans(self, piece: Piece, offset: int, language: str) -> Iterator[Span]:
        if piece.kind != "grams":
            lexemes = tuple(lexeme for lexeme, _ in self.indexed_as(piece, language))
            if lexemes:
                yield Span(offset + piece.start, offset + piece.end, lexemes)
            return
        exact = piece.end - piece.start == len(piece.text)
        for gram, at, size in grams(piece.text):
            start, end = (piece.start + at, piece.start + at + size) if exact else piece[2:4]
            yield Span(offset + start, offset + end, (gram,))

    def _chains(self, language: str) -> _Chains:
        known = self._kept.get(language)
        if known is None:
            known = self._kept[language] = _Chains(language, self._entries, self._kept)
        return known

    def _entries(self, chain: str, language: str) -> Entries:
        found, places = pieces(chain)
        entries: list[tuple[str, int]] = []
        words = 0
        for piece in found:
            lexemes = self.indexed_as(piece, language)
            entries += lexemes
            if piece.kind == "grams":
                words += max(1, len(piece.text) - 1)
            elif piece.kind != "whole" and lexemes:
                words += 1
        return tuple(entries), places, words

    def _forms(self, word: str, kind: str, languages: tuple[str, ...]) -> list[str]:
        """Without repetitions, the form that every text is indexed under first."""
        if kind == "symbol":
            return [word]
        script = script_of(word)
        folded = fold(word, script)
        if not folded or (folded in STOP_WORDS and kind == "word"):
            return []  # nothing is left of a mark without a letter
        if not folded.isalpha() and any(letter.isdigit() for letter in folded):
            return [folded]
        if script in self._scripts:
            return [fold(self._scripts[script](folded), script)]
        if script != "latin":
            return [folded]
        forms = [self._english(folded)]
        if not word.isascii():
            forms.append(self._english(spelled_out(word)))
        if kind == "word":
            forms += self._foreign_forms(word, folded, languages)
        return list(dict.fromkeys(forms))

    def _foreign_forms(self, word: str, folded: str, languages: tuple[str, ...]) -> list[str]:
        return [
            f"{fold(stem(form), 'latin')}~{language}"
            for language in languages
            if (stem := self._foreign.get(language)) and word not in FUNCTION_WORDS[language]
            for form in ({word: 0, folded: 0} if len(languages) > 1 else (word,))
        ]


def grams(run: str) -> Iterator[tuple[str, int, int]]:
    """A run of a script without spaces: each two neighbours, and each letter that can be a word; where, how long."""
    if len(run) == 1:
        yield run, 0, 1
        return
    for at, letter in enumerate(run):
        if at + 1 < len(run):
            yield run[at : at + 2], at, 2
        if _is_syllable(letter):
            yield letter, min(at, len(run) - 2), 1


def _is_syllable(letter: str) -> bool:
    """Han and Hangul."""
    return (
        "\u3400" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7a3" or letter >= "\U00020000"
    )


def short(lexeme: str) -> str:
    """At most LONGEST_LEXEME characters, and still its own."""
    if len(lexeme) <= LONGEST_LEXEME:
        return lexeme
    digest = hashlib.blake2b(lexeme.encode(), digest_size=8).hexdigest()
    return lexeme[: LONGEST_LEXEME - len(digest)] + digest
