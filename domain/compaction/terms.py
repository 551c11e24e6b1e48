"""The words of a text that carry facts, each with its weight: rare words, numbers, dates, names, identifiers.

No list of stop words and no language: how rare a word is, the tokenizer's vocabulary knows.
"""

import math
import re
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from domain.compaction.tools import Tools
from domain.compaction.weights import Weights

TermKind = Literal["word", "name", "short_number", "number", "date", "code", "address"]
"""Each has a weight of its name."""

_SEPARATORS = r"\s!\"#$%&'()*+,;<=>?\[\\\]^`{|}~\u00a1\u00ab\u00bb\u00bf\u2013-\u2026\u060c\u061b\u061f\u06d4\u0964\u0965\u3000-\u3003\u3008-\u3011\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f"
_WORDS = re.compile(rf"[^{_SEPARATORS}]+")
_KEYS = re.compile(r"(?:(?<=[ ,:])|^)[A-Za-z_]+(?==)|^[A-Za-z_.]+(?=[:.])")
"""Names of fields and paths in a line of JSON: the same in every record."""
_DATE = re.compile(r"[\d:./\-]+(?:[Tt][\d:.]+)?[Zz]?")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Scripts without spaces between words: there a token stands for a word."""
_EDGES = ".:/-_@·•"
_FREQUENT = 7.5
"""The logarithm of the id below which a token is as common as an article."""


class Term(NamedTuple):
    key: str
    """Words of one stem are one term."""
    weight: float
    is_plain: bool = True
    """A word or a name: nothing with a digit, no address."""
    is_name: bool = False


class Terms:
    """Finds terms; remembers those of one run."""

    def __init__(self, tools: Tools, weights: Weights) -> None:
        self._encode = tools.encode
        self._stem = tools.stem
        self._weights = weights
        self._by_kind = {kind: getattr(weights, kind) for kind in get_args(TermKind)}
        self._known = lru_cache(maxsize=100_000)(self._of_word)

    def of(self, text: str, *, is_record: bool = False, is_prose: bool = False) -> dict[str, Term]:
        """By their keys."""
        if is_record:
            text = _KEYS.sub(" ", text)
        found: dict[str, Term] = {}
        is_initial = is_prose
        for word in _WORDS.findall(text):
            for term in self._known(word, is_initial):
                before = found.get(term.key)
                if before is None or before.weight < term.weight:
                    found[term.key] = term
            is_initial = False
        return found

    def _of_word(self, word: str, is_initial: bool) -> tuple[Term, ...]:
        word = word.strip(_EDGES)
        if not word or len(word) > 200:
            return ()
        ids = self._encode(f" {word}")
        if _UNSPACED.search(word):
            return tuple(Term(f"\0{i}", w) for i in ids if (w := _rarity(i)) > 0)
        rarity = sum(_rarity(i) for i in ids)
        kind = _kind(word)
        weight = rarity
        is_plain = kind in ("word", "name")
        if not is_plain:
            weight += self._weights.digits * min(3.0, 1.0 + len(word) / 4)
        weight *= self._weights.initial if is_initial and kind == "name" else self._by_kind[kind]
        if weight <= 0:
            return ()
        lower = word.lower()
        key = self._stem([lower])[0] if is_plain else lower
        return (Term(key, weight, is_plain, kind == "name"),)


def _rarity(token: int) -> float:
    return max(0.0, math.log(token + 2) - _FREQUENT)


def _kind(word: str) -> TermKind:
    if "@" in word or "/" in word:
        return "date" if _DATE.fullmatch(word) else "address"
    if not any(letter.isdigit() for letter in word):
        return "name" if word[0].isupper() else "word"
    if word.isdigit():
        return "short_number" if len(word) <= 3 else "number"
    if _DATE.fullmatch(word):
        return "date"
    return "address" if "_" in word else "code"
