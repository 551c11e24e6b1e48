"""Sets of sequences as ranges: as small as the gaps are few, however many messages they hold."""

from collections.abc import Iterable, Sequence

from domain.summaries import Range


def ranges_of(sequences: Iterable[int]) -> tuple[Range, ...]:
    """Of ascending sequences."""
    return joined(Range(sequence, sequence) for sequence in sequences)


def joined(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Their union, ascending, neighbours as one."""
    made: list[Range] = []
    for run in sorted(ranges, key=_first):
        if made and run.first <= made[-1].last + 1:
            made[-1] = Range(made[-1].first, max(made[-1].last, run.last))
        else:
            made.append(run)
    return tuple(made)


def without(ranges: Iterable[Range], gone: Iterable[int]) -> tuple[Range, ...]:
    left = list(ranges)
    for sequence in gone:
        left = [part for run in left for part in _cut(run, sequence)]
    return tuple(left)


def size(ranges: Iterable[Range]) -> int:
    return sum(run.last - run.first + 1 for run in ranges)


def holds(ranges: Iterable[Range], sequence: int) -> bool:
    return any(run.first <= sequence <= run.last for run in ranges)


def gaps(ranges: Sequence[Range], first: int, last: int) -> list[int]:
    """What of first … last is in none of the ranges, which are ascending."""
    found: list[int] = []
    at = first
    for run in ranges:
        found += range(at, min(run.first, last + 1))
        at = max(at, run.last + 1)
    return found + list(range(at, last + 1))


def _first(run: Range) -> int:
    return run.first


def _cut(run: Range, sequence: int) -> list[Range]:
    if not run.first <= sequence <= run.last:
        return [run]
    parts = [Range(run.first, sequence - 1), Range(sequence + 1, run.last)]
    return [part for part in parts if part.first <= part.last]
