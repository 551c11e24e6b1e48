"""Parts of a sentence that can stand alone, for a budget that holds few whole ones."""

import re
from itertools import pairwise

from domain.compaction.sentences import Span

LEAST_WORDS = 4
"""Of either part."""
_LETTERS_PER_WORD = 12
"""Beyond so many on average, the script has no spaces between words; there a word is about three letters."""

# After a comma, semicolon or colon with a space, at a dash between spaces; the fullwidth and the Arabic ones need no space.
_BREAK = re.compile(r"[,;:]\s+|\s[-\u2013\u2014]\s+|\u2014|[\uff0c\uff1b\u060c\u061b]\s*")


def clauses(text: str) -> list[Span]:
    """Spans that follow each other without a gap: the mark and the white space after a clause are its own.

    What stands between two marks must be long enough on either side of a cut: a list is not torn apart.
    """
    ends = [*(match.end() for match in _BREAK.finditer(text)), len(text)]
    found: list[Span] = []
    start = last = 0
    for end, following in pairwise(ends):
        if _is_long(text[last:end]) and _is_long(text[end:following]):
            found.append((start, end))
            start = end
        last = end
    found.append((start, len(text)))
    return found


def _is_long(text: str) -> bool:
    return word_count(text) >= LEAST_WORDS


def word_count(text: str) -> int:
    words = len(text.split())
    return words if len(text) <= _LETTERS_PER_WORD * words else len(text) // 3
