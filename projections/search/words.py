"""Takes a text apart: chains of word characters, and the pieces of a chain.

A chain is what stands between spaces and most punctuation: `refund`, `A-1234`, `bob@example.com`, `getUserById`,
`記憶システム`. Its pieces are its words in order, then the wholes: the chain, and each part of it between heavy joiners, in
one piece, so that an identifier is found as such, however it is hyphenated or capitalised.
"""

# ruff: noqa: RUF001 - the hyphens and apostrophes that people type are meant

import re
from itertools import pairwise
from typing import Literal, NamedTuple

from projections.search.folding import plain_case
from projections.search.languages import CLITIC, CONTRACTED, ELIDED

_MARKS = (  # combining characters, which \w leaves out: Indic vowels, Arabic and Hebrew points, accents
    "\u00ad\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u07a6-\u07b0\u0900-\u0903\u093a-\u093c"
    "\u093e-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc\u09be-\u09cd\u09d7\u0a01-\u0a03\u0a3c-\u0a4d\u0a70"
    "\u0a71\u0a81-\u0a83\u0abc\u0abe-\u0acd\u0b01-\u0b03\u0b3c\u0b3e-\u0b4d\u0b82\u0bbe-\u0bcd\u0c00-\u0c04\u0c3e-"
    "\u0c56\u0c81-\u0c83\u0cbc\u0cbe-\u0cd6\u0d00-\u0d03\u0d3b-\u0d4d\u0d82\u0d83\u0dca-\u0ddf\u0e31\u0e34-\u0e3a"
    "\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u0f71-\u0f84\u102b-\u103e\u1056-\u1059\u17b4-\u17d3\u3099\u309a"
)
_SPACELESS = (  # scripts in which no space ends a word, and Hangul, whose particles hang on the words
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ec6\u0ec8-\u0ece\u1000-\u109f\u1780-\u17d3\u1100-\u11ff\u3005-\u3007"
    "\u3041-\u309f\u30a1-\u30ff\u3131-\u318e\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
_EMOJI = (
    "[\U0001f1e6-\U0001f1ff]{2}|"  # flags
    "[\u231a-\u23ff\u25aa-\u27bf\u2934-\u2b55\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
)
_CHAIN = (
    r"{word}+(?:(?:[{joiners}]{{1,3}}|(?<=\d),(?=\d{{3}}(?!\d))){word}+)*"
    r"(?:(?<=\b[A-Za-z])(?:\+\+|\#)(?!\w))?"  # C++, C#
)
CHAIN = re.compile(
    _CHAIN.format(word=rf"[\w{_MARKS}]", joiners=r"-._/\\@:+'’=&?#%~·‐‑\u200c\u200d") + "|" + _EMOJI
)
ASCII_CHAIN = re.compile(_CHAIN.format(word=r"\w", joiners=r"-._/\\@:+'=&?#%~"), re.ASCII)
_SHARP = re.compile(r"[A-Za-z](?:\+\+|#)$")
_HEAVY = re.compile(r"[^/\\@:=?&%~+#]+")
_LIGHT = re.compile(r"[^-._·‐‑\u200c\u200d]+")
_RUN = re.compile(f"[{_SPACELESS}]+|[^{_SPACELESS}]+")
_SPACELESS_LETTER = re.compile(f"[{_SPACELESS}]")
_CAMEL = re.compile(r"(?<=[a-zß-öø-ÿ])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_EDGE = re.compile(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)")
_ESCAPES = re.compile(r"\\[nrt\"]")

LONGEST_WHOLE = 200
"""Characters of a chain beyond which it is not kept in one piece, only its parts."""
MOST_PARTS = 6
"""Into which a word splits at capitals and digits; beyond, it is no name but noise."""


class Piece(NamedTuple):
    """`text` is in plain case, not folded. Offsets count characters of the chain; `place` counts its words from 0."""

    text: str
    place: int
    start: int
    end: int
    kind: Literal["word", "whole", "grams", "symbol"]
    """`whole`: several words in one; `grams`: a run of a script without spaces."""


def chain_pattern(text: str) -> re.Pattern[str]:
    """What finds the chains of this text."""
    return ASCII_CHAIN if text.isascii() else CHAIN


def without_escapes(text: str) -> str:
    """JSON kept in a string: its escapes are not the first letters of words. As long as before."""
    if text[:1] in ("{", "[", '"') and "\\" in text:
        return _ESCAPES.sub("  ", text)
    return text


def pieces(chain: str) -> tuple[list[Piece], int]:
    """The pieces of a chain, and how many places its words take."""
    if chain.isascii() and chain.isalpha() and not _CAMEL.search(chain):
        return [Piece(chain.lower(), 0, 0, len(chain), "word")], 1  # nearly all there are
    if not chain[0].isalnum() and not chain[0].isidentifier():
        return [Piece(chain, 0, 0, len(chain), "symbol")], 1
    found: list[Piece] = []
    place = 0
    sharp = _SHARP.search(chain)
    parts = [
        part.span()
        for part in _HEAVY.finditer(chain, 0, sharp.start() + 1 if sharp else len(chain))
    ]
    for start, end in parts:
        first = len(found)
        for light in _LIGHT.finditer(chain, start, end):
            place = _between_joiners(chain, light.start(), light.end(), place, found)
        _add_whole(found, first, end - start)
    if len(parts) > 1:
        _add_whole(found, 0, len(chain))
    if sharp:
        found.append(Piece(sharp[0].lower(), place - 1, sharp.start(), sharp.end(), "symbol"))
    return found, place


def _between_joiners(chain: str, start: int, end: int, place: int, found: list[Piece]) -> int:
    """Adds what has no joiner but an apostrophe. Returns the place after it."""
    parts = re.split("['’]", chain[start:end])
    if len(parts) == 2:
        left, right = parts[0].lower(), parts[1].lower()
        if right == "t" and left in CONTRACTED:
            return place + 2
        if right in CLITIC:
            return _runs(chain, start, start + len(left), place, found) + 1
        if left in ELIDED:
            return _runs(chain, start + len(left) + 1, end, place + 1, found)
    for part in parts:
        place = _runs(chain, start, start + len(part), place, found)
        start += len(part) + 1
    return place


def _runs(chain: str, start: int, end: int, place: int, found: list[Piece]) -> int:
    for run in _RUN.finditer(chain, start, end):
        if _is_spaceless(run[0]):
            text = plain_case(run[0])
            found.append(Piece(text, place, run.start(), run.end(), "grams"))
            place += max(1, len(text) - 1)
            continue
        for left, right in _split(chain, run.start(), run.end()):
            text = plain_case(chain[left:right]).replace(",", "")
            if text:
                found.append(Piece(text, place, left, right, "word"))
                place += 1
    return place


def _is_spaceless(run: str) -> bool:
    return _SPACELESS_LETTER.match(run) is not None


def _split(chain: str, start: int, end: int) -> list[tuple[int, int]]:
    """At capitals inside a word, and at the one edge between letters and digits; codes of many edges stay whole."""
    edges = [
        edge.start() for edge in _EDGE.finditer(chain, start, end) if start < edge.start() < end
    ]
    cuts = [cut.start() for cut in _CAMEL.finditer(chain, start, end) if start < cut.start() < end]
    if len(edges) > (3 if cuts else 1):
        return [(start, end)]
    bounds = [start, *sorted({*edges, *cuts}), end]
    if len(bounds) - 1 > MOST_PARTS:
        return [(start, end)]
    return list(pairwise(bounds))


def _add_whole(found: list[Piece], first: int, length: int) -> None:
    """The words from `first` on in one piece: `A-1234` is `a1234`, `1.2.3` stays `1.2.3`."""
    words = [piece for piece in found[first:] if piece.kind != "whole"]
    if len(words) < 2 or length > LONGEST_WHOLE or any(piece.kind != "word" for piece in words):
        return
    text = words[0].text
    for piece in words[1:]:
        text += "." * (text[-1].isdigit() and piece.text[0].isdigit()) + piece.text
    found.append(Piece(text, words[0].place, words[0].start, words[-1].end, "whole"))
