"""One checker for all faults: what must hold once a fault is healed and the followers have caught up."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
import nats
import psycopg

from domain.codec import Codec
from domain.events import MessageAppended
from domain.ids import stream_id
from projections.registry import NAMES
from projections.verify import verify
from tests.faults.clients import History, Read, Write, flat
from tests.faults.rig import Rig
from tests.running import wait_until

CATCH_UP = 120.0


def catch_up(rig: Rig) -> int:
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

        wait_until(lambda: not any(behind().values()), CATCH_UP, lambda: f"behind: {behind()}")
        wait_until(lambda: _last_sequence(rig) >= head(), CATCH_UP, lambda: "the relay is behind")
        return head()


def faults_of(rig: Rig, history: History) -> list[str]:
    """Every promise that does not hold; empty where all do."""
    return [
        *history.faults,
        *gaps_of(rig.database.service),
        *_writes(rig, history),
        *differences_of(rig.database.service),
        *_jetstream(rig),
    ]


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
        yield from _ordered(conversation, writes)
        for read in reads[conversation]:
            yield from _shown(read, writes, log)


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
            found = log[write.sequences[0] - 1 : write.sequences[-1]]
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


def _ordered(conversation: str, writes: list[Write]) -> Iterator[str]:
    """What was acknowledged before another write was sent stands before it."""
    done = [write for write in writes if write.outcome == "acknowledged"]
    ended = sorted(done, key=lambda write: write.ended)
    latest, index = 0, 0
    for write in sorted(done, key=lambda write: write.sent):
        while index < len(ended) and ended[index].ended < write.sent:
            latest = max(latest, ended[index].sequences[-1])
            index += 1
        # A retry may find what its first attempt, sent before the others, had written.
        if write.attempts == 1 and write.sequences[0] <= latest:
            yield f"{conversation}: {write} stands before what was acknowledged earlier ({latest})"


def _shown(read: Read, writes: list[Write], log: list[str]) -> Iterator[str]:
    """A read shows the log up to some place, not before what was acknowledged when it began."""
    end = read.count
    if log[max(0, end - len(read.contents)) : end] != read.contents:
        yield f"{read.conversation}: a read of {end} messages is no prefix of the log"
    missing = [
        write
        for write in writes
        if write.outcome == "acknowledged"
        and write.ended < read.began
        and write.sequences[-1] > end
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
    decode = Codec().decode_meta
    with psycopg.connect(rig.database.service) as connection:
        rows = connection.execute("SELECT position, topic, state FROM events ORDER BY position")
        log = [(p, f"{p} {decode(topic, bytes(state)).event_id}") for p, topic, state in rows]
    # The worker may still compact what the fault had kept from it: this head is not the one waited for before.
    wait_until(
        lambda: _last_sequence(rig) >= len(log), CATCH_UP, lambda: "the relay is behind the log"
    )
    published = asyncio.run(_published(rig, len(log)))
    if published != log:
        pairs = zip(published, log, strict=False)
        first = next((pair for pair in pairs if pair[0] != pair[1]), None)
        yield f"JetStream holds {len(published)} of {len(log)} events; first difference: {first}"


async def _published(rig: Rig, last: int) -> list[tuple[int, str]]:
    """Of all messages up to a sequence: it, and the position and id of the event."""
    connection = await nats.connect(rig.nats.nats_url.split(","))
    try:
        subscription = await connection.jetstream().subscribe(
            "verbatim.v1.>", ordered_consumer=True
        )
        found: list[tuple[int, str]] = []
        while not found or found[-1][0] < last:
            message = await subscription.next_msg(60)
            event: Any = msgspec.json.decode(message.data)
            found.append((message.metadata.sequence.stream, f"{event['position']} {event['id']}"))
        return found
    finally:
        await connection.close()
