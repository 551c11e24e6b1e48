"""A state goes into a snapshot and comes back as it was; rules that changed give it another number."""

import json
import random
from hashlib import sha256
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.codec import EVENT_TYPES, Codec, topic_of
from domain.events import MessagePinned
from domain.snapshot import SCHEMA, frozen, thawed
from domain.state import evolve
from tests.domain.builders import NOON, appended, compacted, started
from tests.domain.replay import lines_of
from tests.histories import make_log

FOLDER = Path(__file__).parent / "frozen"
FOLDED = {
    1: {
        "log-0001": "89ce91476945602c8761b37b223698ef12d7c160800686c32480861c752948dc",
        "log-0002": "ebbd1eb32a8a1ba9d1fcbceeaed94441a386d296a253d3ff02a1e3a209d94804",
    },
    2: {
        "log-0001": "89ce91476945602c8761b37b223698ef12d7c160800686c32480861c752948dc",
        "log-0002": "8f87c8aa594591c44e8c8ec3ce7e0454126a927b327a1d77871806ec810fee3c",
    },
}
"""By schema: of each log, the digest of all states that it is folded into, one after the other."""

FORGOTTEN = (
    "the fold, the state or the list of events has changed: raise SCHEMA in domain/snapshot.py and add the digests"
    " of that number here, of logs that hold every event"
)


def digest(log: str) -> str:
    codec, states, found = Codec(), {}, sha256()
    for line in lines_of(FOLDER / f"{log}.jsonl"):
        meta, event = codec.decode(line["topic"], line["state"].encode())
        state = evolve(states.get(line["stream"]), event, line["version"], meta.occurred_at)
        states[line["stream"]] = state
        found.update(frozen(state))
    return found.hexdigest()


def test_a_schema_stands_for_one_fold():
    assert {log: digest(log) for log in FOLDED.get(SCHEMA, {})} == FOLDED.get(SCHEMA), FORGOTTEN


def test_a_schema_stands_for_one_list_of_events():
    """A program that does not know an event must not go on behind it from another program's snapshot."""
    logs = [FOLDER / f"{log}.jsonl" for log in FOLDED.get(SCHEMA, {})]
    topics = {line["topic"] for log in logs for line in lines_of(log)}
    assert {topic_of(kind) for kind in EVENT_TYPES} <= topics, FORGOTTEN


@given(st.integers(0, 2**32), st.data())
@settings(max_examples=30, deadline=None)
def test_a_snapshot_and_the_rest_give_the_same_state(seed, data):
    histories, _ = make_log(seed, conversations=2, commands=60)
    for history in histories:
        at = data.draw(st.integers(0, len(history.events)))
        whole, state = None, None
        for version, moment, event in history.events:
            whole = evolve(whole, event, version, moment)
            state = evolve(state, event, version, moment)
            if version == at:
                state = thawed(frozen(state))
            assert state == whole


def test_pins_in_any_order_are_the_same_from_a_snapshot():
    """JSON's keys are sorted, a fold's are in the order of the pins: what is made of them must not tell."""
    folded = taken_up = None
    for version, event in enumerate(
        [
            started(),
            *(appended(f"m{sequence}") for sequence in range(1, 13)),
            compacted((1, 10)),
            MessagePinned("m9", 9, (9,)),
            MessagePinned("m2", 2, (2,)),
            MessagePinned("m10", 10, (10,)),
            compacted((11, 11)),
        ],
        1,
    ):
        folded = evolve(folded, event, version, NOON)
        taken_up = evolve(taken_up, event, version, NOON)
        taken_up = thawed(frozen(taken_up))
    assert frozen(folded) == frozen(taken_up)


def test_what_nobody_wrote_is_no_snapshot():
    history = make_log(7, conversations=1, commands=40)[0][0]
    good = frozen(history.state)
    assert thawed(good) == history.state
    chance = random.Random(1)
    for bad in [b"", b"{}", b"null", b"\xff", good[:-1], b"[" * 5_000]:
        assert thawed(bad) is None
    without = json.loads(good)
    del without["created_at"]
    assert thawed(json.dumps(without).encode()) is None
    for _ in range(200):  # cut anywhere
        assert thawed(good[: chance.randrange(len(good))]) is None
