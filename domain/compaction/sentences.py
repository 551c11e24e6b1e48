"""Where sentences and lines end, in prose of many scripts and in code: spans of a text, nothing changed in it."""

import re
from collections.abc import Iterator

Span = tuple[int, int]

LONGEST = 400
"""Characters of a span: a line without an end (minified code, base64) is cut."""

_SHORT = (
    r"(?:mr|mrs|ms|dr|prof|st|no|nr|vs|etc|approx|fig|inc|ltd|co|jr|sr|sra|dra|ud|uds|pág|núm|av"
    r"|bzw|ca|evtl|ggf|usw|str|tel|abs|art|bd|hr|fr|e\.g|i\.e|z\.\s?b|d\.\s?h|u\.\s?a|p\.\s?ej|a\.m|p\.m)"
)
# A full stop and a space (people in chats write small letters after it), unless an abbreviation, an initial or an
# ordinal came before. The end of a code, a price or a date ("ZX-2.", "3.50.", "vitamin-C.") is neither.
# Escaped: Arabic question mark and full stop, Devanagari dandas; ideographic and fullwidth stops and closing brackets.
# A run is looked at once, from its beginning, and never taken apart: else a long one would cost its square.
_END = re.compile(
    r"(?<![.!?\u2026])(?P<stop>[.!?\u2026]++|[\u061f\u06d4\u0964\u0965]++)"
    r"[)\]\"'\u00bb\u201d\u2019]*+\s++"
    r"|[\u3002\uff01\uff1f\uff1b\uff61]++[\u300d\u300f\u201d\uff09]*+\s*+|[\r\n]++"
)
_NO_END = re.compile(
    rf"(?:\b(?:{_SHORT}|(?<![-/])[^\W\d_])|(?<![^\s(])\d{{1,2}})\.\s*$", re.IGNORECASE
)


def sentences(text: str) -> list[Span]:
    """Spans without the white space around them, in order; blank ones are left out."""
    return list(_spans(text))


def _spans(text: str) -> Iterator[Span]:
    start = 0
    for match in _END.finditer(text):
        stop = match["stop"]
        if stop == "." and _NO_END.search(text, max(start, match.start() - 8), match.start() + 1):
            continue
        yield from _trimmed(text, start, match.end())
        start = match.end()
    yield from _trimmed(text, start, len(text))


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > LONGEST:
        cut = _cut(text, start, start + LONGEST)
        yield start, cut
        start = cut
        while start < end and text[start].isspace():
            start += 1
    if end > start:
        yield start, end


def _cut(text: str, start: int, end: int) -> int:
    """The last good place before `end`: after a space or a comma in the second half, else right there."""
    for mark in (" ", ",", ";"):
        found = text.rfind(mark, start + LONGEST // 2, end)
        if found >= 0:
            return found + 1
    return end
