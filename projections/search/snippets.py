"""The stretch of a message that shows best why it was found, and where the words are in it."""

from collections.abc import Collection, Mapping

import msgspec

from projections.search.tokens import Span, Tokens

LENGTH = 240
"""Characters of a snippet at most."""
BEFORE = 60
"""Of them in front of the first word found, where there are so many."""
_TO_SPACES = dict.fromkeys((*range(32), *range(127, 160), 8232, 8233), " ")


class Snippet(msgspec.Struct, frozen=True):
    """`ranges` are pairs of offsets in `text`, in characters (Unicode code points): from, and up to but without."""

    text: str
    ranges: list[tuple[int, int]]


def snippet(tokens: Tokens, text: str, weights: Mapping[str, float]) -> Snippet:
    """`weights` are the lexemes that were looked for, and what each is worth to be seen.

    One line, nothing added: neither marks nor dots.
    """
    spans = [span for span in tokens.spans(text) if any(name in weights for name in span.lexemes)]
    start = _cut(text, _best_start(spans, weights))
    end = min(len(text), start + LENGTH)
    if end < len(text):
        space = text.rfind(" ", start + LENGTH // 2, end)
        end = space if space > 0 else end
    inside = [(s.start - start, s.end - start) for s in spans if s.start >= start and s.end <= end]
    return Snippet(text[start:end].translate(_TO_SPACES), _merged(inside))


def _best_start(spans: list[Span], weights: Mapping[str, float]) -> int:
    """Where the stretch begins that holds the most that was looked for, each thing once."""
    best, start = 0.0, spans[0].start if spans else 0
    for number, first in enumerate(spans[:200]):
        worth: dict[str, float] = {}
        for span in spans[number : number + 30]:
            if span.end > first.start + LENGTH - BEFORE:
                break
            found = max((name for name in span.lexemes if name in weights), key=weights.__getitem__)
            worth[found] = weights[found]
        if sum(worth.values()) > best:
            best, start = sum(worth.values()), first.start
    return start


def _cut(text: str, wanted: int) -> int:
    """A little before, at the beginning of a word."""
    if wanted <= BEFORE:
        return 0
    space = text.find(" ", wanted - BEFORE, wanted)
    return space + 1 if space >= 0 else wanted


def _merged(ranges: Collection[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order, what overlaps or touches as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
