"""Statistics equal what a plain count of the events says, through every filter, on every day of odd zones."""

import itertools
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import psycopg
import pytest
from click.testing import CliRunner

from domain import events as e
from eventstore.connect import Connection, connect
from projections.local_days import stretches
from projections.stats import slot_of
from projections.stats_reading import STATEMENT, StatsFilter, StatsQuery, StatsRows, Totals
from projections.verify import verify
from services.cli.main import cli
from tests.histories import ASSISTANTS, DAYS, NOON, USERS, History, make_log, store
from tests.projections.support import catch_up
from tests.servers import Database

YESTERDAY = NOON - timedelta(days=2)
ZONES = [
    "UTC", "Asia/Kathmandu", "Pacific/Chatham", "Australia/Lord_Howe", "America/St_Johns", "Africa/Monrovia",
    "Pacific/Apia", "America/Sao_Paulo", "Europe/Amsterdam", "Pacific/Kiritimati", "America/Los_Angeles",
]  # fmt: skip


def asked(
    connection: Connection,
    workspace: str,
    wanted: StatsFilter,
    span: tuple[date, date],
    zone: ZoneInfo,
) -> StatsRows:
    question = StatsQuery(workspace, wanted, stretches(*span, zone))
    row = connection.cursor(binary=True).execute(STATEMENT, question.values).fetchone()
    assert row is not None
    return question.rows(row)


def plain_count(
    histories: list[History], workspace: str, wanted: StatsFilter, zone: ZoneInfo
) -> tuple[dict[str, Totals], dict[date, list[int]]]:
    """By reading each history from its start, without anything of the projector's."""

    def fits(source: str, assistant: str | None, user: str | None) -> bool:
        given = (wanted.source, wanted.assistant_id, wanted.user_id)
        return all(
            a is None or a == b for a, b in zip(given, (source, assistant, user), strict=True)
        )

    totals: dict[str, Totals] = {}
    activity: dict[date, list[int]] = {}
    for history in histories:
        if not history.stream.startswith(f"{workspace}:") or history.state is None:
            continue
        assistant, user, source = None, None, ""
        for _, _, event in history.events:
            if isinstance(event, e.ConversationStarted):
                source = event.source
            if isinstance(event, e.ConversationStarted | e.ConversationReassigned):
                assistant, user = event.assistant_id, event.user_id
            if isinstance(event, e.ConversationStarted | e.MessageAppended) and fits(
                source, assistant, user
            ):
                day = event.created_at.astimezone(zone).date()
                activity.setdefault(day, [0, 0])[isinstance(event, e.MessageAppended)] += 1
        state = history.state
        if fits(source, assistant, user):
            total = totals.setdefault(source, Totals())
            setattr(total, state.status, getattr(total, state.status) + 1)
            total.messages += state.message_count
            total.input_tokens += state.input_tokens
            total.output_tokens += state.output_tokens
            total.cost_cents += state.cost_cents
    return totals, activity


@pytest.mark.parametrize("seed", range(2))
def test_they_equal_a_plain_count(database: Database, seed: int) -> None:
    histories, rows = make_log(40 + seed, conversations=14, commands=300)
    store(database.owner, rows)
    catch_up(database.service, page=[9, 100][seed])
    filters = list(itertools.product(ASSISTANTS, USERS, [None, "api", "widget"]))
    spans = [(start.date(), start.date() + timedelta(days=4)) for start in [*DAYS, YESTERDAY]]
    seen = Counter[str]()
    with connect(database.service, name="test") as connection:
        for number, (assistant, user, source) in enumerate(filters):
            wanted = StatsFilter(assistant, user, source)
            for zone, workspace in itertools.product(ZONES[number % 3 :: 3], ["w0", "w1"]):
                here = ZoneInfo(zone)
                totals, activity = plain_count(histories, workspace, wanted, here)
                for first, last in spans:
                    found = asked(connection, workspace, wanted, (first, last), here)
                    assert found.by_source == totals
                    expected = {d: tuple(n) for d, n in activity.items() if first <= d <= last}
                    assert {d: n for d, n in found.activity.items() if n != (0, 0)} == expected
                    seen["active" if expected else "quiet"] += 1
        nobody = asked(connection, "w2", StatsFilter(), spans[0], ZoneInfo("UTC"))
        assert (nobody.by_source, set(nobody.activity.values())) == ({}, {(0, 0)})
    assert min(seen.values()) > 20


def test_the_proof_shares_nothing_and_agrees(database: Database) -> None:
    _, rows = make_log(50, conversations=10, commands=300)
    store(database.owner, rows)
    catch_up(database.service, page=64)
    verdict = verify(database.service, "stats.v1", page=50, tell=lambda *_: None)
    assert (verdict.differences, verdict.position) == ([], len(rows))
    assert verdict.rows > 100


@pytest.mark.parametrize(
    ("damage", "columns"),
    [
        ("UPDATE readmodels.stats_v1_totals SET cost_cents = cost_cents + 0.000000000001 WHERE scope = 'workspace'", ("cost_cents",)),
        ("UPDATE readmodels.stats_v1_slots SET messages = messages + 1 WHERE scope = 'user'", ("messages",)),
        ("UPDATE readmodels.stats_v1_days SET conversations = 99 WHERE scope = 'assistant'", ("conversations",)),
        ("UPDATE readmodels.stats_v1_conversations SET archived = NOT archived", ("archived",)),
        ("DELETE FROM readmodels.stats_v1_totals WHERE scope = 'user'", ()),
    ],
)  # fmt: skip
def test_each_difference_is_told(database: Database, damage: str, columns: tuple[str, ...]) -> None:
    _, rows = make_log(51, conversations=8, commands=120)
    store(database.owner, rows)
    catch_up(database.service)
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        damaged = connection.execute(damage).rowcount
    environment = {"VERBATIM_DATABASE_URL": database.service}
    shown = CliRunner().invoke(cli, ["projections", "verify", "stats"], env=environment)
    assert shown.exit_code == 1, shown.output
    assert f"stats.v1: {damaged} differences" in shown.output
    told = verify(database.service, "stats.v1", page=100, tell=lambda *_: None).differences
    assert {one.columns for one in told} == {columns}


def test_no_rows_are_left_of_those_who_hold_nothing(database: Database) -> None:
    histories, rows = make_log(52, conversations=6, commands=400)
    store(database.owner, rows)
    catch_up(database.service, page=5)
    holders: set[tuple[Any, ...]] = set()
    for history in histories:
        if history.state is not None:
            workspace = history.stream.partition(":")[0]
            holders.add((workspace, history.state.user_id))
    with psycopg.connect(database.superuser) as connection:
        found = connection.execute(
            "SELECT DISTINCT workspace, holder FROM readmodels.stats_v1_totals WHERE scope = 'user'"
        ).fetchall()
    assert set(found) == {one for one in holders if one[1] is not None}


def test_a_wide_sum_is_exact(database: Database) -> None:
    """Twelve decimals under billions of cents: no float is in the way."""
    histories, rows = make_log(53, conversations=1, commands=60)
    store(database.owner, rows)
    catch_up(database.service)
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        connection.execute(
            "UPDATE readmodels.stats_v1_totals SET cost_cents = 1234567890123456.000000000007"
        )
    with connect(database.service, name="test") as connection:
        today = (NOON.date(), NOON.date())
        found = asked(connection, "w0", StatsFilter(), today, ZoneInfo("UTC"))
    (total,) = found.by_source.values()
    assert total.cost_cents == Decimal("1234567890123456.000000000007")
    assert histories[0].state is not None


class TestLocalDays:
    @pytest.mark.parametrize("zone", ZONES)
    def test_every_instant_shows_its_day(self, zone: str) -> None:
        here = ZoneInfo(zone)
        for start in DAYS:
            first = start.date() - timedelta(days=3)
            found = stretches(first, first + timedelta(days=9), here)
            assert all(a.end == b.start for a, b in itertools.pairwise(found))
            for day, begin, end in found:
                length = (end - begin) // 7
                for moment in (
                    *(begin + n * length for n in range(7)),
                    end - timedelta(microseconds=1),
                ):
                    assert moment.astimezone(here).date() == day

    def test_a_missing_day_has_no_stretch(self) -> None:
        assert stretches(date(2011, 12, 30), date(2011, 12, 30), ZoneInfo("Pacific/Apia")) == []

    def test_a_day_that_begins_twice_has_two(self) -> None:
        day = date(2010, 11, 7)
        (before, *_), *rest = (stretches(day, day, ZoneInfo("America/St_Johns")),)
        assert before.end - before.start == timedelta(minutes=1)
        assert len(stretches(day, day, ZoneInfo("America/St_Johns"))) == 2
        assert not rest

    def test_since_2012_every_midnight_lies_on_a_quarter_of_an_hour(self) -> None:
        """Of every zone this machine knows: what `slot_of` goes by."""
        weeks = timedelta(days=28)
        for name in available_timezones():
            zone = ZoneInfo(name)
            moment, offset = datetime(2012, 1, 1, tzinfo=UTC), None
            while moment.year < 2030:
                now = moment.astimezone(zone).utcoffset()
                assert now is not None
                assert now % timedelta(minutes=15) == timedelta(0), (name, moment)
                if offset not in (None, now):
                    near = stretches((moment - weeks).date(), moment.date(), zone)
                    assert all(slot_of(cut) == cut for one in near for cut in one[1:]), (name, near)
                moment, offset = moment + weeks, now
