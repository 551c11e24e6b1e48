"""Every stored form of every event reads for ever, and today's writer still writes today's."""

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from domain.codec import Codec, topic_of
from domain.events import Event
from tests.domain.frozen_events import EXPECTED

FOLDER = Path(__file__).parent / "frozen" / "events"
CODEC = Codec()
TODAY = {topic_of(kind): kind for kind in get_args(Event)}
EXAMPLES = [(topic, case) for topic, cases in EXPECTED.items() for case in cases]


def stored(topic: str, case: str) -> bytes:
    return (FOLDER / topic / f"{case}.json").read_bytes()


def test_every_file_is_expected():
    files = {(path.parent.name, path.stem) for path in FOLDER.rglob("*.json")}
    assert files == set(EXAMPLES)


@pytest.mark.parametrize(("topic", "case"), EXAMPLES)
def test_it_reads_as_it_was_written(topic, case):
    assert CODEC.decode(topic, stored(topic, case)) == EXPECTED[topic][case]


@pytest.mark.parametrize(("topic", "case"), [each for each in EXAMPLES if each[0] in TODAY])
def test_it_is_still_written_so(topic, case):
    meta, event = EXPECTED[topic][case]
    assert CODEC.encode(meta, event) == (topic, stored(topic, case))


@pytest.mark.parametrize("kind", get_args(Event))
def test_every_schema_of_every_event_has_an_example(kind):
    for schema in range(1, kind.SCHEMA + 1):
        topic = f"{kind.NAME}.{schema}"
        assert EXPECTED.get(topic), f"write an example of {topic} and never edit it again"


@pytest.mark.parametrize("kind", get_args(Event))
def test_every_field_stands_in_an_example(kind):
    topic = topic_of(kind)
    bodies = [msgspec.json.decode(stored(topic, case)) for case in EXPECTED[topic]]
    shown = set().union(*(body["data"] for body in bodies))
    missing = set(kind.__struct_fields__) - shown
    assert not missing, f"add an example of {topic} that has {sorted(missing)}"
