"""Statistics of a workspace."""

import difflib
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import get_args
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from domain import resources as res
from domain.events import Source
from projections.local_days import DAY, stretches
from projections.stats_reading import STATEMENT, StatsFilter, StatsQuery, StatsRows, Totals
from services.http import examples
from services.http.endpoint import Answer, Call, Endpoint, data
from services.http.errors import bad_request
from services.http.minting import Minter
from services.query.reads import Reads, headers_of
from services.query.requests import GetStats

DEFAULT_DAYS = 30
MOST_DAYS = 3_660
FIRST, LAST = date(1900, 1, 1), date(2999, 12, 31)
SOURCES: tuple[Source, ...] = get_args(Source)


class Day(msgspec.Struct, frozen=True):
    """What was begun on a day."""

    date: date
    conversations: int
    messages: int


class Statistics(msgspec.Struct, frozen=True):
    """Totals are of now and include deleted conversations."""

    total_conversations: int
    active_conversations: int
    archived_conversations: int
    deleted_conversations: int
    total_messages: int
    total_input_tokens: int
    total_output_tokens: int
    total_cost_cents: Decimal
    conversations_by_source: dict[Source, int]
    activity_by_day: list[Day]


class StatisticsAnswer(msgspec.Struct):
    data: Statistics


class StatsRoutes:
    def __init__(self, reads: Reads, minter: Minter) -> None:
        self._reads = reads
        self._minter = minter

    def endpoints(self) -> list[Endpoint]:
        path = "/v1/conversations/stats"
        return [
            Endpoint(
                *("GET", path, "read", self.get_stats, "Get statistics"),
                answer=StatisticsAnswer,
                example_answer=examples.STATISTICS,
                query=GetStats,
            )
        ]

    async def get_stats(self, call: Call[GetStats, None]) -> Answer:
        """Count conversations, messages, tokens and cost, and what was begun on each day.

        Dates limit `activity_by_day` alone: the last 30 days without them. A day is one of `timezone`; a conversation or a
        message counts on the day of its `created_at`, for the assistant and the user who held the conversation then. Totals
        are those of conversations as they stand now.
        """
        asked = call.query
        zone = _zone(asked.timezone)
        first, last = _days(asked, self._minter.now().astimezone(zone).date())
        wanted = StatsFilter(asked.assistant_id, asked.user_id, asked.source)
        question = StatsQuery(call.workspace, wanted, stretches(first, last, zone))

        async def fetch() -> StatsRows:
            found = await self._reads.connections.fetch(STATEMENT, question.values)
            return question.rows(found[0])

        rows = await self._reads.consistency.read(call, fetch)
        found = _statistics(rows, first, last)
        return Answer(data(res.encode(found)), 200, headers_of(rows.freshness))


def _statistics(rows: StatsRows, first: date, last: date) -> Statistics:
    totals = Totals()
    for of_source in rows.by_source.values():
        totals.add(of_source)
    counts = [
        Day(day, *rows.activity.get(day, (0, 0)))
        for day in (first + number * DAY for number in range((last - first).days + 1))
    ]
    return Statistics(
        total_conversations=totals.conversations,
        active_conversations=totals.active,
        archived_conversations=totals.archived,
        deleted_conversations=totals.deleted,
        total_messages=totals.messages,
        total_input_tokens=totals.input_tokens,
        total_output_tokens=totals.output_tokens,
        total_cost_cents=res.plain(totals.cost_cents),
        conversations_by_source={
            source: rows.by_source.get(source, Totals()).conversations for source in SOURCES
        },
        activity_by_day=counts,
    )


def _days(asked: GetStats, today: date) -> tuple[date, date]:
    """The first and the last. Raises ApiError (400)."""
    for name, day in (("start_date", asked.start_date), ("end_date", asked.end_date)):
        if day is not None and not FIRST <= day <= LAST:
            raise bad_request(f"{name} is a day from {FIRST} to {LAST}", "invalid_value", name)
    last = asked.end_date or today
    first = asked.start_date or max(FIRST, last - timedelta(days=DEFAULT_DAYS - 1))
    if last < first:
        name = "end_date" if asked.end_date else "start_date"
        raise bad_request(
            f"the last day, {last}, is before the first, {first}", "invalid_value", name
        )
    if (last - first).days >= MOST_DAYS:
        raise bad_request(f"ask for at most {MOST_DAYS} days at once", "invalid_value", "end_date")
    return first, last


@cache
def _zone_names() -> frozenset[str]:
    of_the_machine = {"localtime"}  # a name that is not IANA's
    return frozenset(available_timezones() - of_the_machine)


def _zone(name: str) -> ZoneInfo:
    """Raises ApiError (400)."""
    if name not in _zone_names():
        near = difflib.get_close_matches(name, _zone_names(), 1)
        hint = f"; did you mean {near[0]}?" if near else ", such as Europe/Berlin"
        raise bad_request(
            f"timezone is a name of the IANA database{hint}", "invalid_value", "timezone"
        )
    return ZoneInfo(name)
