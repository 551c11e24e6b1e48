"""From the log to the stream: everything, in order, once."""

import asyncio
import json

import nats
import pytest

from deploy.embedded.nats import MAX_PAYLOAD, EmbeddedNats
from eventstore.connect import connect
from projections.leading import RELAY, is_led
from projections.relay.stream import STREAM, Bounds
from tests.histories import store
from tests.projections.relay.support import (
    ROOMY,
    GrowingLog,
    check_whole,
    messages,
    noted,
    relaying,
    until,
    wired,
)
from tests.servers import Database


async def test_every_position_once_in_order(database: Database, server: EmbeddedNats) -> None:
    log = GrowingLog(database, 21, commands=2_500)
    log.grow(2_000)
    async with relaying(wired(database, server)) as relay:
        await until(lambda: relay.position == log.head)
        while log.left:
            log.grow(37)  # while it is at work, and while it waits
            await asyncio.sleep(0)
        await until(lambda: relay.position == log.head)
    await check_whole(database, server)


@pytest.mark.parametrize("content", [False, True])
async def test_what_people_wrote_goes_out_only_when_asked_for(
    database: Database, server: EmbeddedNats, content: bool
) -> None:
    log = GrowingLog(database, 22, commands=100)
    log.grow()
    async with relaying(wired(database, server, content=content)) as relay:
        await until(lambda: relay.position == log.head)
    await check_whole(database, server, content=content)
    payloads = b"".join(each[3] for each in await messages(server))
    assert (b"hello" in payloads) == content


async def test_a_relay_that_starts_again_goes_on(database: Database, server: EmbeddedNats) -> None:
    log = GrowingLog(database, 23, commands=400)
    while log.left:
        log.grow(150)
        async with relaying(wired(database, server)) as relay:
            await until(lambda: relay.position == log.head)
    await check_whole(database, server)


async def test_what_cannot_be_shown_goes_out_as_its_envelope(
    database: Database, server: EmbeddedNats
) -> None:
    huge = json.dumps("x" * (MAX_PAYLOAD + 1))
    data = (
        '{"message_id":"m1","sequence":1,"role":"user","content":%s,"input_tokens":1,"output_tokens":0,'
        '"token_count":1,"tokenizer":"t","created_at":"2026-01-01T00:00:00Z","context_tokens":1,"trigger_tokens":9}'
    )
    meta = '{"id":"e%d","at":"2026-01-01T00:00:00Z","cmd":"c","by":"k","data":%s}'
    bodies = [
        ("MessageAppended.1", meta % (1, data % '"small"')),
        ("MessageAppended.1", meta % (2, data % huge)),
        ("MessageAppended.1", meta % (3, '{"message_id":1}')),
        ("FromTheFuture.1", meta % (4, '{"any":"thing"}')),
        ("MessageAppended.1", "noise"),
        ("MessageAppended.1", meta % (6, data % '"small"')),
    ]
    rows = [
        (position, "w:c", position, topic, state.encode(), None)
        for position, (topic, state) in enumerate(bodies, 1)
    ]
    store(database.owner, rows)
    async with relaying(wired(database, server, content=True)) as relay:
        await until(lambda: relay.position == len(rows))
    found = await messages(server)
    assert [each[0] for each in found] == [1, 2, 3, 4, 5, 6]
    assert [each[2] for each in found] == ["e1", "e2", "e3", "e4", "w:c:5", "e6"]
    shown = [json.loads(each[3]) for each in found]
    assert [each["data"] is None for each in shown] == [False, True, True, True, True, False]
    assert [each["type"] for each in shown][2:4] == [
        "verbatim.message_appended.v1",
        "verbatim.unreadable.v1",
    ]


async def test_two_events_of_one_id_both_go_out(database: Database, server: EmbeddedNats) -> None:
    """No log of ours holds such; a relay that stood still for ever would be worse than a late one."""
    body = b'{"id":"same","at":"2026-01-01T00:00:00Z","cmd":"c","by":"k","data":{}}'
    store(database.owner, [(n, "w:c", n, "ConversationDeleted.1", body, None) for n in (1, 2)])
    async with relaying(wired(database, server)) as relay:
        await until(lambda: relay.position == 2)
    await check_whole(database, server)


async def test_a_log_longer_than_the_stream_keeps(database: Database, server: EmbeddedNats) -> None:
    """A new stream begins where its bounds would have cut it anyway, with the sequence that is the position."""
    log = GrowingLog(database, 24, commands=3_000)
    log.grow()
    small = Bounds(seconds=10**9, bytes=256 << 10)
    async with relaying(wired(database, server, bounds=small)) as relay:
        await until(lambda: relay.position == log.head)
    found = await messages(server)
    first = found[0][0]
    assert first > 1
    assert sum(len(each[3]) for each in found) > 128 << 10
    await check_whole(database, server, first=first)
    client = await nats.connect(server.nats_url)
    assert (await client.jetstream().stream_info(STREAM)).config.first_seq > 1
    await client.close()


async def test_events_older_than_the_stream_keeps(database: Database, server: EmbeddedNats) -> None:
    def body(number: int, at: str) -> bytes:
        return f'{{"id":"e{number}","at":"{at}","cmd":"c","by":"k","data":{{}}}}'.encode()

    old, young = "2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
    bodies = [body(number, old if number <= 700 else young) for number in range(1, 1_001)]
    rows = [(n, "w:c", n, "ConversationDeleted.1", each, None) for n, each in enumerate(bodies, 1)]
    store(database.owner, rows)
    day = Bounds(seconds=86_400, bytes=256 << 20)
    async with relaying(wired(database, server, bounds=day)) as relay:
        await until(lambda: relay.position == 1_000)
    await check_whole(database, server, first=701)


async def test_a_stream_follows_the_settings(database: Database, server: EmbeddedNats) -> None:
    log = GrowingLog(database, 25, commands=50)
    log.grow()
    for bounds in (ROOMY, Bounds(seconds=3_600, bytes=1 << 20)):
        async with relaying(wired(database, server, bounds=bounds)) as relay:
            await until(lambda: relay.position == log.head)
        client = await nats.connect(server.nats_url)
        config = (await client.jetstream().stream_info(STREAM)).config
        await client.close()
        assert (config.max_age, config.max_bytes) == (bounds.seconds, bounds.bytes)
    await check_whole(database, server)


async def test_it_says_how_far_it_is(database: Database, server: EmbeddedNats) -> None:
    log = GrowingLog(database, 26, commands=50)
    log.grow()
    async with relaying(wired(database, server)):
        await until(lambda: noted(database) == log.head)
        with connect(database.service, name="test") as connection:
            assert is_led(connection, RELAY)
    with connect(database.service, name="test") as connection:
        await until(lambda: not is_led(connection, RELAY))
