"""Events to bytes and back, exactly; and what cannot be read says why."""

from typing import ClassVar

import msgspec
import pytest
from hypothesis import given, settings

from domain import events as e
from domain.codec import EVENT_TYPES, Codec, CodecError, CorruptEvent, UnknownTopic
from domain.upcasts import UPCASTS
from tests.domain.builders import NOON, appended, raw, started
from tests.domain.frozen_events import BARE, FULL
from tests.domain.strategies import events, metas

CODEC = Codec()


@given(metas, events)
@settings(max_examples=300)
def test_everything_comes_back(meta, event):
    assert CODEC.decode(*CODEC.encode(meta, event)) == (meta, event)


@given(metas, events)
def test_every_body_is_one_json_object_of_utf8(meta, event):
    body = msgspec.json.decode(CODEC.encode(meta, event).state, type=dict[str, msgspec.Raw])
    assert {"id", "at", "cmd", "by", "data"} <= body.keys()


@given(metas, events)
def test_metadata_alone_reads_the_same(meta, event):
    topic, state = CODEC.encode(meta, event)
    assert CODEC.decode_meta(topic, state) == meta
    assert CODEC.decode_meta("SomethingElse.9", state) == meta


@pytest.mark.parametrize(
    "text",
    [
        '"\\u0000"',
        '"\\ud83d\\ude00 😀 \\u00fc ü"',
        "[ 1.0 , 1.50, 1E400, -0 ]",
        "123456789012345678901234567890123456789012345678901234567890",
        '{"a":1,"a":2}',
        "[" * 32 + "]" * 32,
    ],
)
def test_a_callers_json_is_kept_byte_for_byte(text):
    event = appended("a", content=msgspec.Raw(text.encode()), extra=msgspec.Raw(text.encode()))
    _, back = CODEC.decode(*CODEC.encode(BARE, event))
    assert (bytes(back.content), bytes(back.extra)) == (text.encode(), text.encode())


def test_every_topic_is_told_apart():
    assert len({f"{kind.NAME}.{kind.SCHEMA}" for kind in EVENT_TYPES}) == len(EVENT_TYPES)


def test_an_older_program_reads_what_a_newer_one_added():
    """As a field with a default, in the data and in the metadata."""
    state = CODEC.encode(FULL, e.MessagePinned("a", 1)).state
    body = msgspec.json.decode(state)
    body["data"]["since_then"] = {"x": 1}
    body["also"] = "new"
    newer = msgspec.json.encode(body)
    assert CODEC.decode("MessagePinned.1", newer) == (FULL, e.MessagePinned("a", 1))


class TestUnknown:
    @pytest.mark.parametrize(
        "topic",
        [
            "MessagePinned.2",
            "MessagePinned.0",
            "MessagePinned.-1",
            "MessagePinned.01",
            "MessagePinned.\u0661",
            "MessagePinned",
            "MessagePinned.",
            "messagepinned.1",
            "builtins:print",
            "os.path:join.1",
            "",
            ".",
        ],
    )
    def test_topics_outside_the_registry_are_refused(self, topic):
        with pytest.raises(UnknownTopic, match="is known here") as caught:
            CODEC.decode(topic, CODEC.encode(BARE, e.MessagePinned("a", 1)).state)
        assert caught.value.topic == topic


GOOD = CODEC.encode(BARE, appended("a")).state


class TestCorrupt:
    @pytest.mark.parametrize(
        "state",
        [
            b"",
            b"null",
            b"[]",
            b"\x00",
            GOOD[:-1],
            GOOD + b"x",
            GOOD.replace(b'"message_id":"a",', b""),
            GOOD.replace(b'"role":"user"', b'"role":"robot"'),
            GOOD.replace(b'"id":"evt_01"', b'"id":1'),
            GOOD.replace(b'"id":"evt_01"', b'"id":"\xff"'),
            GOOD.replace(b"2026-01-02T03:04:05Z", b"yesterday"),
            GOOD.replace(b'"text of a"', b"[" * 100_000 + b"]" * 100_000),
        ],
    )
    def test_it_is_one_error_that_names_the_topic(self, state):
        with pytest.raises(CorruptEvent, match=r"MessageAppended\.1") as caught:
            CODEC.decode("MessageAppended.1", state)
        assert isinstance(caught.value, CodecError)
        assert caught.value.topic == "MessageAppended.1"

    @pytest.mark.parametrize("state", [b"", b"[]", b'{"id":"x"}', b'{"id":"\xff"}'])
    def test_metadata_that_cannot_be_read(self, state):
        with pytest.raises(CorruptEvent):
            CODEC.decode_meta("MessageAppended.1", state)


class Noted(msgspec.Struct, frozen=True):
    """An event as it might come to be: its third schema."""

    NAME: ClassVar[str] = "Noted"
    SCHEMA: ClassVar[int] = 3

    text: str
    weight: int
    extra: msgspec.Raw


def _renamed(data):
    data = dict(data)
    data["text"] = data.pop("note")
    return data


def _weighed(data):
    return data | {"weight": raw(1 + len(msgspec.json.decode(data["text"], type=str)))}


HOPS = {("Noted", 1): _renamed, ("Noted", 2): _weighed}
ODD = b'{"n":1.50, "n":123456789012345678901234567890, "s":"\\u00fc"}'


class TestUpcasts:
    codec = Codec(kinds=(Noted,), upcasts=HOPS)

    def stored(self, data: bytes) -> bytes:
        state = CODEC.encode(FULL, e.ConversationDeleted()).state
        return state.replace(b'"data":{}', b'"data":' + data)

    @pytest.mark.parametrize(
        ("topic", "data"),
        [
            ("Noted.1", b'{"note":"abc","extra":%s}' % ODD),
            ("Noted.2", b'{"text":"abc","extra":%s}' % ODD),
            ("Noted.3", b'{"text":"abc","weight":4,"extra":%s}' % ODD),
        ],
    )
    def test_every_older_schema_reads_as_today(self, topic, data):
        meta, event = self.codec.decode(topic, self.stored(data))
        assert meta == FULL
        assert (event.text, event.weight) == ("abc", 4)
        assert bytes(event.extra) == ODD, "a hop must not rewrite what it does not change"

    def test_a_newer_schema_is_unknown(self):
        with pytest.raises(UnknownTopic, match=r"Noted\.4"):
            self.codec.decode("Noted.4", self.stored(b"{}"))

    @pytest.mark.parametrize("data", [b"{}", b"[]", b'{"note":5,"extra":null}', b"null"])
    def test_a_body_no_hop_can_take_is_corrupt(self, data):
        with pytest.raises(CorruptEvent, match="Noted"):
            self.codec.decode("Noted.1", self.stored(data))

    def test_a_missing_hop_stops_the_start(self):
        with pytest.raises(ValueError, match=r"Noted.*1"):
            Codec(kinds=(Noted,), upcasts={("Noted", 2): _weighed})

    def test_every_hop_belongs_to_an_older_schema(self):
        schemas = {kind.NAME: kind.SCHEMA for kind in EVENT_TYPES}
        for name, schema in UPCASTS:
            assert 0 < schema < schemas[name]


def test_defaults_are_not_written():
    """They are part of the stored format: a default must never change without a new schema."""
    state = CODEC.encode(BARE, started()).state
    assert set(msgspec.json.decode(state)["data"]) == {"source", "compaction", "created_at"}
    assert NOON.isoformat()[:19].encode() in state
