"""Reads `stats.v1`: totals, and what was begun on each day of a zone, exactly, from days of UTC and parts of them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import accumulate
from typing import Any

import msgspec

from projections.local_days import DAY, Stretch
from projections.queries import query
from projections.reading import Freshness
from projections.stats import NONE

STATEMENT = query("stats_read")
HALF = DAY / 2
MIDNIGHT = time(tzinfo=UTC)


class StatsFilter(msgspec.Struct, frozen=True):
    """What is counted; None filters nothing."""

    assistant_id: str | None = None
    user_id: str | None = None
    source: str | None = None


class Totals(msgspec.Struct):
    active: int = 0
    archived: int = 0
    deleted: int = 0
    messages: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_cents: Decimal = Decimal(0)

    @property
    def conversations(self) -> int:
        return self.active + self.archived + self.deleted

    def add(self, other: "Totals") -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class StatsRows(msgspec.Struct, frozen=True):
    freshness: Freshness
    by_source: dict[str, Totals]
    """Sources without conversations may be missing."""
    activity: dict[date, tuple[int, int]]
    """Conversations and messages begun; days without any may be missing."""


class StatsQuery:
    """One question: a workspace's counts through a filter, and its activity in stretches of time."""

    def __init__(self, workspace: str, wanted: StatsFilter, days: list[Stretch]) -> None:
        self._days = days
        self._cuts = sorted({time for one in days for time in (one.start, one.end)})
        midnights = [datetime.combine(cut, MIDNIGHT) for cut in self._cuts]
        self._early = [
            cut - midnight <= HALF for cut, midnight in zip(self._cuts, midnights, strict=True)
        ]
        self.values: dict[str, Any] = _place(wanted) | {
            "workspace": workspace,
            "source": wanted.source,
            "first": self._cuts[0].date() if days else None,
            "last": self._cuts[-1].date() if days else None,
            "from": self._either(midnights, self._cuts),
            "to": self._either(self._cuts, [midnight + DAY for midnight in midnights]),
        }

    def _either(self, early: list[datetime], late: list[datetime]) -> list[datetime]:
        """By whether a cut is early in its day: the shorter of the two parts that it makes is counted."""
        return [a if first else b for first, a, b in zip(self._early, early, late, strict=True)]

    def rows(self, row: tuple[Any, ...]) -> StatsRows:
        """From a row of the statement."""
        checkpoint, pending, head = row[:3]
        columns: list[list[Any]] = [column or [] for column in row[3:]]
        totals, days, parts = columns[:8], columns[8:11], columns[11:]
        conversations = self._counted(days[0], days[1], parts[0])
        messages = self._counted(days[0], days[2], parts[1])
        by_source: dict[str, Totals] = {}
        for source, *values in zip(*totals, strict=True):
            by_source.setdefault(source, Totals()).add(Totals(*values))
        activity: dict[date, tuple[int, int]] = {}
        for one in self._days:
            before = activity.get(one.day, (0, 0))
            activity[one.day] = (
                before[0] + conversations[one.end] - conversations[one.start],
                before[1] + messages[one.end] - messages[one.start],
            )
        return StatsRows(Freshness(checkpoint, pending, head), by_source, activity)

    def _counted(
        self, days: Sequence[date], counts: Sequence[int], parts: Sequence[int]
    ) -> dict[datetime, int]:
        """How many there were up to each cut, from the first cut's day on."""
        if not self._cuts:
            return {}
        by_day: dict[date, int] = {}
        for day, count in zip(days, counts, strict=True):
            by_day[day] = by_day.get(day, 0) + count
        first = self._cuts[0].date()
        length = (self._cuts[-1].date() - first).days + 1
        in_order = [by_day.get(first + number * DAY, 0) for number in range(length)]
        before = list(accumulate(in_order, initial=0))
        found: dict[datetime, int] = {}
        for cut, part, early in zip(self._cuts, parts, self._early, strict=True):
            number = (cut.date() - first).days
            found[cut] = before[number] + part if early else before[number + 1] - part
        return found


def _place(wanted: StatsFilter) -> dict[str, str | None]:
    """The narrowest scope that holds all that is wanted; an assistant of a user's is filtered."""
    if wanted.user_id is not None:
        return {"scope": "user", "holder": wanted.user_id, "assistant_id": wanted.assistant_id}
    if wanted.assistant_id is not None:
        return {"scope": "assistant", "holder": wanted.assistant_id, "assistant_id": None}
    return {"scope": "workspace", "holder": NONE, "assistant_id": None}
