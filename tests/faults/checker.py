"""One checker for all faults: what must hold once a fault is healed and the followers have caught up."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import nats
import psycopg
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.client import JetStreamContext

from domain.codec import Codec
from domain.events import MessageAppended
from domain.ids import stream_id
from projections.registry import NAMES
from projections.verify import verify
from tests.faults.history import History, Read, Write, digest, flat
from tests.faults.rig import Rig
from tests.running import wait_until

CATCH_UP = 120.0
PAGE = 500


def catch_up(rig: Rig, patience: float = CATCH_UP) -> int:
    """Wait until every follower is at the log's head, and say where that is."""
    with psycopg.connect(rig.database.service, autocommit=True) as connection:

        def head() -> int:
            row = connection.execute("SELECT position FROM head").fetchone()
            assert row is not None
            return int(row[0])

        def behind() -> dict[str, int]:
            rows = connection.execute(
                "SELECT name, (SELECT position FROM head) - position FROM readmodels.tracking"
                " WHERE name NOT LIKE '%:%'"
            )
            return dict(rows.fetchall())

        wait_until(lambda: not any(behind().values()), patience, lambda: f"behind: {behind()}")
        wait_until(lambda: _last_sequence(rig) >= head(), patience, lambda: "the relay is behind")
        return head()


def faults_of(rig: Rig, history: History, *, rows: bool = True) -> list[str]:
    """Every promise that does not hold; empty where all do. `rows`: with those of the read models, of the whole log."""
    return [*faults_of_log(rig, history), *faults_of_followers(rig, rows=rows)]


def faults_of_log(rig: Rig, history: History) -> list[str]:
    """Those that need no follower to have caught up: answers and the log."""
    return [*history.faults, *gaps_of(rig.database.service), *_writes(rig, history)]


def faults_of_followers(rig: Rig, *, rows: bool = True) -> list[str]:
    return [*_jetstream(rig), *(differences_of(rig.database.service) if rows else ())]


def gaps_of(dsn: str) -> Iterator[str]:
    """Positions are 1..head, versions 1..n, of the whole log."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT (SELECT position FROM head), count(*), coalesce(max(position), 0),"
            " count(DISTINCT position) FROM events"
        ).fetchone()
        if row is None or len(set(row)) != 1:
            yield f"head, number, last and distinct positions differ: {row}"
        for stream, number, last in connection.execute(
            "SELECT originator_id, count(*), max(originator_version) FROM events"
            " GROUP BY originator_id HAVING count(*) <> max(originator_version)"
        ):
            yield f"{stream}: {number} events, last version {last}"


def _writes(rig: Rig, history: History) -> Iterator[str]:
    by_conversation: dict[str, list[Write]] = defaultdict(list)
    for write in history.writes:
        by_conversation[write.conversation].append(write)
    reads: dict[str, list[Read]] = defaultdict(list)
    for read in history.reads:
        reads[read.conversation].append(read)
    for conversation, writes in by_conversation.items():
        log = _contents(rig, conversation)
        yield from _placed(conversation, writes, log)
        yield from _ordered(conversation, writes, lambda write: write.first)
        for read in reads[conversation]:
            yield from _shown(read, writes, log)
    yield from _ordered("the log", history.writes, lambda write: write.position)


def _contents(rig: Rig, conversation: str) -> list[str]:
    """Of all messages, by sequence, straight from the log."""
    decode = Codec().decode
    with psycopg.connect(rig.database.service) as connection:
        rows = connection.execute(
            "SELECT topic, state FROM events WHERE originator_id = %s ORDER BY originator_version",
            [stream_id("acme", conversation)],
        ).fetchall()
    events = [decode(topic, bytes(state))[1] for topic, state in rows]
    appended = [event for event in events if isinstance(event, MessageAppended)]
    assert [event.sequence for event in appended] == list(range(1, len(appended) + 1))
    return [msgspec.json.decode(event.content) for event in appended]


def _placed(conversation: str, writes: list[Write], log: list[str]) -> Iterator[str]:
    """Acknowledged: exactly once, where it was said. Refused: never. Unknown: whole, at most once, or not at all."""
    times = Counter(log)
    for write in writes:
        counts = [times[content] for content in write.contents]
        if write.outcome == "acknowledged":
            found = log[write.first - 1 : write.last]
            if counts != [1] * len(counts) or found != write.contents:
                yield f"{conversation}: acknowledged {write} stands {counts} times, there: {found}"
        elif write.outcome == "refused" and any(counts):
            yield f"{conversation}: refused {write} stands {counts} times"
        elif len(set(counts)) != 1 or counts[0] > 1:
            yield f"{conversation}: unknown {write} stands {counts} times"
    known = set(flat(writes))
    strange = [content for content in log if content not in known]
    if strange:
        yield f"{conversation}: nobody wrote {strange[:5]}"


def _ordered(where: str, writes: list[Write], place: Callable[[Write], int]) -> Iterator[str]:
    """What was acknowledged before another write was sent stands before it."""
    done = [write for write in writes if write.outcome == "acknowledged"]
    ended = sorted(done, key=lambda write: write.ended)
    latest, index = 0, 0
    for write in sorted(done, key=lambda write: write.sent):
        while index < len(ended) and ended[index].ended < write.sent:
            latest = max(latest, place(ended[index]))
            index += 1
        if place(write) <= latest:
            yield f"{where}: {write} stands before what was acknowledged earlier ({latest})"


def _shown(read: Read, writes: list[Write], log: list[str]) -> Iterator[str]:
    """A read shows the log up to some place, not before what was acknowledged when it began."""
    end = read.count
    found = log[max(0, end - read.shown) : end]
    if len(found) != read.shown or digest(found) != read.digest:
        yield f"{read.conversation}: a read of {end} messages is no prefix of the log"
    missing = [
        write
        for write in writes
        if write.outcome == "acknowledged" and write.ended < read.began and write.last > end
    ]
    if missing:
        yield f"{read.conversation}: a read of {end} messages misses {missing[0]}"


def differences_of(dsn: str) -> Iterator[str]:
    """Between read models and a replay from zero; nothing may be parked."""
    for name in NAMES:
        verdict = verify(dsn, name, page=1_000, tell=lambda *_: None)
        for difference in verdict.differences[:5]:
            yield f"{name}: {difference}"
        if verdict.parked:
            yield f"{name}: {verdict.parked} conversations are parked"


def _last_sequence(rig: Rig) -> int:
    async def ask() -> int:
        connection = await nats.connect(rig.nats.nats_url.split(","), connect_timeout=5)
        try:
            info = await connection.jetstream().stream_info("VERBATIM_EVENTS")
            return info.state.last_seq
        finally:
            await connection.close()

    try:
        return asyncio.run(ask())
    except (OSError, nats.errors.Error):
        return -1


def _jetstream(rig: Rig) -> Iterator[str]:
    """Its sequence is the position, and each holds that position's event, up to a head of the log."""
    with psycopg.connect(rig.database.service) as connection:
        row = connection.execute("SELECT position FROM head").fetchone()
        assert row is not None
        head = int(row[0])
        # The worker may still compact what the fault had kept from it: this head is not the one waited for before.
        wait_until(
            lambda: _last_sequence(rig) >= head, CATCH_UP, lambda: "the relay is behind the log"
        )
        difference = asyncio.run(_first_difference(rig, connection, head))
        if difference is not None:
            yield f"JetStream and the log differ first at {difference}"


async def _from_the_first(client: nats.NATS) -> JetStreamContext.PullSubscription:
    """Asked for again and again: a cluster that chooses its leader anew may leave a request without an answer."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + CATCH_UP
    config = ConsumerConfig(ack_policy=AckPolicy.NONE, inactive_threshold=CATCH_UP)
    while True:
        try:
            return await client.jetstream().pull_subscribe(
                "verbatim.v1.>", stream="VERBATIM_EVENTS", config=config
            )
        except nats.errors.Error:
            if loop.time() > deadline:
                raise
            await asyncio.sleep(0.2)


async def _first_difference(
    rig: Rig, connection: psycopg.Connection[Any], head: int
) -> tuple[Any, Any] | None:
    """Of all events up to a head, published and stored: sequence, position, id."""
    decode = Codec().decode_meta
    client = await nats.connect(rig.nats.nats_url.split(","))
    try:
        published = await _from_the_first(client)
        with connection.cursor("log") as log:
            log.execute("SELECT position, topic, state FROM events ORDER BY position")
            seen = 0
            while seen < head:
                messages = await published.fetch(min(PAGE, head - seen), timeout=60)
                rows = log.fetchmany(len(messages))
                for message, (position, topic, state) in zip(messages, rows, strict=True):
                    event: Any = msgspec.json.decode(message.data)
                    found = message.metadata.sequence.stream, event["position"], event["id"]
                    stored = position, str(position), str(decode(topic, bytes(state)).event_id)
                    if found != stored:
                        return found, stored
                seen += len(messages)
    finally:
        await client.close()
    return None
