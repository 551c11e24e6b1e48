"""Days as clocks on a wall show them: which stretches of time they are, in any zone.

Most days are one stretch from midnight to midnight. Where clocks are put forward over midnight a day begins late, or is
missing altogether (Apia, 30 December 2011); where they were put back just after it, a day has begun, stops, and
begins again (St John's until 2011).
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
REMEMBERED = 8_192
"""Days of any zones: the same ones are asked for again and again."""


class Stretch(NamedTuple):
    """All of it shows this date; times are of UTC."""

    day: date
    start: datetime
    end: datetime


def stretches(first: date, last: date, zone: ZoneInfo) -> list[Stretch]:
    """Of the days from `first` to `last`, in order; a missing day has none."""
    starts = [
        start
        for number in range((last - first).days + 2)
        for start in _starts(first + number * DAY, zone)
    ]
    return [
        Stretch(day, start, end)
        for (day, start), (_, end) in pairwise(starts)
        if start < end and first <= day <= last
    ]


@lru_cache(REMEMBERED)
def _starts(day: date, zone: ZoneInfo) -> tuple[tuple[date, datetime], ...]:
    """When clocks begin to show the day, and where they go back over its midnight, also the one before."""
    midnight = datetime.combine(day, time(), zone)
    early, late = sorted(midnight.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if early == late:
        return ((day, early),)
    change = _change(early, late, zone)
    if early.astimezone(zone).date() < day:  # forward: there is no such midnight
        return ((day, change),)
    if change.astimezone(zone).date() < day:
        return ((day, early), (day - DAY, change), (day, late))
    return ((day, early),)


def _change(early: datetime, late: datetime, zone: ZoneInfo) -> datetime:
    """The first second after `early` with another offset than then."""
    offset = early.astimezone(zone).utcoffset()
    low, high = early, late
    while high - low > SECOND:
        middle = low + (high - low) // 2 // SECOND * SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high
