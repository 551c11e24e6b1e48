"""What `verbatim doctor` checks of PostgreSQL, NATS and the service."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

import httpx
import nats.js.errors
import psycopg

from eventstore.connect import TAKE_ROLE, Connection, check_durability
from eventstore.errors import SchemaMismatch, UnsafeServer
from eventstore.migrate import OLDEST_SERVER, SERVICE_ROLE, check_schema, who_gives_role
from projections.checkpoints import lag
from projections.leading import unled
from projections.relay.errors import NatsUnavailable
from projections.relay.jetstream import FORBIDDEN, JetStream, connected
from projections.relay.stream import state_of
from projections.relay.together import until_one_ends
from services.cli.checks import Finding, Status
from services.cli.common import CannotStart
from services.cli.endings import one_line
from services.cli.target import database_target, http_target, running
from services.compaction.dead_letters import DeadLetters
from services.settings import Settings
from services.version import VERSION

AnswerT = TypeVar("AnswerT")

START = "start everything with `verbatim dev`, or set "
BEHIND = 10_000
"""Events: a read model further behind is not merely between two pages."""
SKEW_SECONDS = 2.0

_RIGHTS = b"""
SELECT quote_ident(current_user), has_table_privilege('events', 'UPDATE'), has_table_privilege('events', 'DELETE'),
       has_table_privilege('events', 'TRUNCATE')
"""
_GUARD = b"""
SELECT tgenabled <> 'D' FROM pg_trigger WHERE tgrelid = 'events'::regclass AND tgname = 'events_are_for_ever'
"""


def check_database(settings: Settings) -> Iterator[Finding]:
    """One finding that says so where there is none; what needs it is then left out."""
    rest = "; not checked: its settings, schema, rights, clock, read models"
    try:
        dsn = database_target(settings)
    except CannotStart:
        yield Finding(
            "bad", "database", f"none is running or set{rest}", f"{START}VERBATIM_DATABASE_URL"
        )
        return
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
            yield from _of_database(connection)
    except psycopg.OperationalError as error:
        told = one_line(str(error))
        mend = f"start it and mind its address: {START}VERBATIM_DATABASE_URL"
        yield Finding("bad", "database", f"cannot be reached: {told}{rest}", mend)


def _of_database(connection: Connection) -> Iterator[Finding]:
    info = connection.info
    number = info.server_version // 10_000
    where = f"PostgreSQL {number} at {info.host}:{info.port}/{info.dbname} as {info.user}"
    if number < OLDEST_SERVER:
        yield Finding("bad", "database", where, f"use PostgreSQL {OLDEST_SERVER} or later")
        return
    yield Finding("ok", "database", where)
    yield _clock(connection)
    yield _durability(connection)
    try:
        check_schema(connection)
    except SchemaMismatch as error:
        told, _, mend = str(error).partition("; ")
        yield Finding("bad", "schema", f"{told}; not checked: rights, read models", mend)
        return
    yield Finding("ok", "schema", "known and up to date")
    try:
        connection.execute(TAKE_ROLE)
    except psycopg.errors.InsufficientPrivilege:
        told = f"this login may not take the role {SERVICE_ROLE}; not checked: read models"
        yield Finding("bad", "rights", told, who_gives_role(connection))
        return
    yield _rights(connection)
    yield from _read_models(connection)


def _clock(connection: Connection) -> Finding:
    before = time.time()
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    middle = (before + time.time()) / 2
    theirs: datetime = row[0] if row else datetime.now(UTC)
    skew = middle - theirs.timestamp()
    told = f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} the database's"
    if abs(skew) > SKEW_SECONDS:
        return Finding(
            "bad", "clock", told, "keep both machines' clocks by NTP: keys expire by them"
        )
    return Finding("ok", "clock", told)


def _durability(connection: Connection) -> Finding:
    try:
        check_durability(connection)
    except UnsafeServer as error:
        told, _, reason = str(error).partition("; ")
        wanted = reason.rpartition(" needs ")[2]
        mend = f"set {wanted} in postgresql.conf, for the database and for this login"
        return Finding("bad", "durability", told, mend)
    return Finding("ok", "durability", "fsync, synchronous_commit and full_page_writes are on")


def _rights(connection: Connection) -> Finding:
    row = connection.execute(_RIGHTS).fetchone()
    guard = connection.execute(_GUARD).fetchone()
    if row is None or any(row[1:]):
        role = row[0] if row else SERVICE_ROLE
        mend = f"as the owner: REVOKE UPDATE, DELETE, TRUNCATE ON events FROM {role}, PUBLIC"
        return Finding("bad", "rights", f"{role} may change or remove events", mend)
    if guard is None or not guard[0]:
        mend = "as the owner: ALTER TABLE events ENABLE TRIGGER events_are_for_ever"
        return Finding("bad", "rights", "the trigger that keeps events for ever is off", mend)
    return Finding("ok", "rights", "services may append and read events, not change or remove them")


def _read_models(connection: Connection) -> Iterator[Finding]:
    for group in unled(connection):
        told = f"nothing keeps {', '.join(group.names)} up to date: reads wait in vain"
        yield Finding("bad", "projections", told, "start `verbatim projections run`")
    for name, found in lag(connection).items():
        told = f"{name} is {found.events} events behind, {found.parked} conversations parked"
        if found.parked:
            mend = "`verbatim projections status` names them; upgrade, then `verbatim projections retry`"
            yield Finding("bad", "read model", told, mend)
        elif found.events > BEHIND:
            yield Finding("warn", "read model", told, "wait, and look whether the figure falls")
        else:
            yield Finding("ok", "read model", told)


def _none(settings: Settings, check: str, status: Status, names: str) -> Finding:
    """Of who has a database of their own: `verbatim dev` is not the way, and the rest may be well without it."""
    if settings.database_url:
        return Finding("warn", check, "not checked: none is set", f"set {names}")
    return Finding(status, check, "none is running or set", f"{START}{names}")


def check_nats(settings: Settings) -> Iterator[Finding]:
    """What the login may not ask is left out: each process has one of its own."""
    dev = running(settings)
    url = settings.nats_url or (dev.nats_url if dev else "")
    if not url:
        yield _none(settings, "nats", "warn", "VERBATIM_NATS_URL")
        return
    try:
        held = asyncio.run(_asked(url, _held))
        given_up = asyncio.run(_asked(url, lambda js: DeadLetters(js).number()))
    except NatsUnavailable as error:
        if isinstance(error.__cause__, nats.js.errors.Error):
            mend = "start it with JetStream (`nats-server -js`)"
            yield Finding("bad", "nats", f"has no JetStream for this login: {error}", mend)
            return
        mend = f"start it and mind its address: {START}VERBATIM_NATS_URL"
        yield Finding("bad", "nats", f"cannot be reached: {error}", mend)
        return
    yield Finding("ok", "nats", held or "NATS answers; this login may not look at the stream")
    if given_up:
        told = f"{given_up} conversation{'s' if given_up > 1 else ''} could not be compacted"
        mend = "`verbatim dlq list` says why, `verbatim dlq retry` tries again"
        yield Finding("warn", "compaction", told, mend)


async def _asked(url: str, question: Callable[[JetStream], Awaitable[AnswerT]]) -> AnswerT | None:
    """None where the login may not ask it. Raises NatsUnavailable."""
    found: list[AnswerT] = []

    async def ask(js: JetStream) -> None:
        found.append(await question(js))

    try:
        async with connected(url, "doctor") as nats:
            await until_one_ends(ask(nats.js), nats.failure())
    except NatsUnavailable as error:
        if FORBIDDEN in str(error):
            return None
        raise
    return found[0]


async def _held(js: JetStream) -> str:
    state = await state_of(js)
    held = "no stream yet" if state is None else f"the stream is at position {state.last}"
    return f"NATS with JetStream, {held}"


def _named(error: BaseException) -> str:
    return one_line(str(error)) or type(error).__name__


def check_service(settings: Settings) -> Finding:
    try:
        base_url, key = http_target(settings)
    except CannotStart:
        return _none(settings, "service", "bad", "VERBATIM_BASE_URL and VERBATIM_API_KEY")
    headers = {"authorization": f"Bearer {key}", "x-consistency": "eventual"}
    try:
        with httpx.Client(timeout=5, trust_env=False) as client:
            answer = client.get(f"{base_url}/conversations", params={"limit": 1}, headers=headers)
            version = client.get(f"{base_url.removesuffix('/v1')}/version")
    except (httpx.TransportError, httpx.InvalidURL) as error:
        mend = f"start it and mind its address: {START}VERBATIM_BASE_URL"
        return Finding("bad", "service", f"{base_url} does not answer: {_named(error)}", mend)
    return _of_service(base_url, answer, version)


def _of_service(base_url: str, answer: httpx.Response, version: httpx.Response) -> Finding:
    if answer.status_code == 401:
        mend = "make one with `verbatim keys create` and set VERBATIM_API_KEY"
        return Finding("bad", "service", f"{base_url} does not know the key", mend)
    if answer.status_code not in (200, 403):
        told = f"{base_url} answers {answer.status_code}"
        return Finding("bad", "service", told, "look into its log")
    theirs = version.json().get("version") if version.status_code == 200 else None
    if theirs not in (None, VERSION):
        mend = f"run the same version on both sides; here it is {VERSION}"
        return Finding("warn", "service", f"{base_url} is version {theirs}", mend)
    may = "the key may not read" if answer.status_code == 403 else "knows the key"
    return Finding("ok", "service", f"{base_url} answers and {may}")
