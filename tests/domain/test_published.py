"""The envelope that leaves the service, and the shapes inside."""

import json
from decimal import Decimal
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given

from domain import events as e
from domain import published as p
from domain.codec import topic_of
from domain.envelope import Recorded
from domain.policy import CompactionPolicy
from domain.published_events import PublishedEvent, published_event
from domain.summaries import Passage, Piece, Summarizer
from tests.domain.builders import appended, compacted, raw, started
from tests.domain.frozen_events import BARE, FULL
from tests.domain.strategies import events

FROZEN = Path(__file__).parent / "frozen" / "published-schemas.json"
SCHEMAS = p.schemas()


def recorded(event: e.Event, meta=FULL) -> Recorded:
    return Recorded("acme:conv_1", 7, 2**40, meta, event)


def sent(event: e.Event, *, content: bool, meta=FULL):
    return json.loads(p.encode(p.published(recorded(event, meta), content=content)))


WORDY = appended(
    "m1",
    "assistant",
    content=raw("SECRET"),
    tool_calls=raw([{"id": "c", "function": {"name": "f", "arguments": "SECRET"}}]),
    name="SECRET",
    extra=raw({"reasoning": "SECRET"}),
    metadata={"SECRET": "SECRET"},
    cost_cents=Decimal("0.0000005"),
    model="gpt-4o",
)


def test_the_envelope_is_a_cloud_event():
    assert sent(e.MessagePinned("m1", 3), content=False) == {
        "specversion": "1.0",
        "id": FULL.event_id,
        "source": "/workspaces/acme/conversations/conv_1",
        "type": "verbatim.message_pinned.v1",
        "subject": "conv_1",
        "time": "2026-01-02T03:04:05.678901Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:verbatim:event:message_pinned:v1",
        "position": "1099511627776",
        "version": "7",
        "actor": FULL.actor,
        "commandid": FULL.command_id,
        "correlationid": FULL.request_id,
        "causationid": FULL.causation,
        "data": {"message_id": "m1", "sequence": 3, "returned": [], "context_tokens": None},
    }


def test_what_is_not_known_is_left_out():
    bare = sent(e.ConversationDeleted(), content=False, meta=BARE)
    assert not bare.keys() & {"correlationid", "causationid"}
    assert bare["data"] == {}


def test_extensions_are_named_as_cloud_events_names_are():
    for name in p.CloudEvent.__struct_fields__:
        assert name.isascii()
        assert name.isalnum()
        assert name.islower()
        assert len(name) <= 20


@pytest.mark.parametrize(
    "event",
    [
        WORDY,
        started(title="SECRET", metadata={"SECRET": "SECRET"}),
        e.ConversationRetitled("SECRET"),
        e.MetadataChanged({"SECRET": "SECRET"}, ("SECRET",)),
        compacted((1, 2), pieces=(Piece(1, "user", 0, 6, "SECRET", 1.0),)),
        compacted((1, 2), passages=(Passage(1, 2, "SECRET", "m"),), instructions="SECRET"),
    ],
    ids=lambda event: event.NAME,
)
def test_content_goes_only_where_it_is_asked_for(event):
    assert "SECRET" not in json.dumps(sent(event, content=False))
    assert "SECRET" in json.dumps(sent(event, content=True))


def test_an_appended_message_keeps_what_analytics_needs():
    data = sent(WORDY, content=False)["data"]
    assert data["cost_cents"] == 5e-7
    assert {"role", "model", "input_tokens", "output_tokens", "created_at"} <= data.keys()


@given(events)
def test_full_data_holds_every_field_of_the_event(event):
    data = published_event(event, content=True)
    for name in event.__struct_fields__:
        published, stored = getattr(data, name), getattr(event, name)
        if isinstance(stored, Decimal):
            published = Decimal(bytes(published).decode())
        if isinstance(stored, CompactionPolicy | Summarizer):
            published, stored = msgspec.to_builtins(published), msgspec.to_builtins(stored)
        if name in {"compacted", "pieces", "passages", "told"}:
            published = [msgspec.structs.astuple(part) for part in published]
            stored = [msgspec.structs.astuple(part) for part in stored]
        assert published == stored, name


@given(events)
def test_fields_without_content_are_the_same_fields(event):
    bare, full = published_event(event, content=False), published_event(event, content=True)
    for name in bare.__struct_fields__:
        value = getattr(bare, name)
        assert value is msgspec.UNSET or value == getattr(full, name)


def test_a_callers_json_is_kept_byte_for_byte():
    odd = msgspec.Raw(b'{ "n" : 1.50, "n" : 1e999, "s":"\\u0000\\ud83d\\ude00" }')
    event = appended("m1", content=odd)
    assert bytes(odd) in p.encode(p.published(recorded(event), content=True))


class TestEnvelopeAlone:
    def test_an_event_that_is_too_large(self):
        whole = sent(WORDY, content=True)
        alone = json.loads(p.encode(p.too_large(p.published(recorded(WORDY), content=True))))
        assert alone == whole | {"data": None}

    def test_a_known_event_that_cannot_be_read(self):
        alone = p.unreadable("acme:conv_1", 7, 2**40, "MessageAppended.1", FULL)
        assert alone == p.too_large(p.published(recorded(WORDY), content=True))

    def test_an_event_from_the_future(self):
        alone = json.loads(p.encode(p.unreadable("acme:conv_1", 7, 9, "Unheard Of.>.2", FULL)))
        assert (alone["type"], alone["data"]) == ("verbatim.unreadable.v1", None)
        assert (alone["id"], alone["position"], alone["version"]) == (FULL.event_id, "9", "7")
        assert "dataschema" not in alone

    def test_bytes_that_say_nothing_still_have_one_id(self):
        first = p.unreadable("acme:conv_1", 7, 9, "MessageAppended.1")
        assert first == p.unreadable("acme:conv_1", 7, 9, "MessageAppended.1")
        assert first.id != p.unreadable("acme:conv_1", 8, 10, "MessageAppended.1").id
        assert first.time is msgspec.UNSET


class TestSubjects:
    @pytest.mark.parametrize("kind", get_args(e.Event))
    def test_every_event_has_its_own(self, kind):
        subject = p.nats_subject("acme:conv_1", topic_of(kind))
        assert subject == f"verbatim.v1.acme.conv_1.{kind.NAME}"

    @pytest.mark.parametrize("topic", ["", ".", "Not.Known.1", "a b.1", ">.1", "*.1", "Nothing"])
    def test_an_unknown_one_cannot_break_out_of_its_place(self, topic):
        assert p.nats_subject("acme:conv_1", topic) == "verbatim.v1.acme.conv_1.Unreadable"


class TestSchemas:
    def test_the_published_shapes_are_frozen(self):
        assert json.loads(FROZEN.read_text(encoding="utf-8")) == SCHEMAS

    def test_every_event_has_one(self):
        kinds = {kind.__name__ for kind in get_args(PublishedEvent)}
        assert kinds == {kind.NAME for kind in get_args(e.Event)}
        assert len(SCHEMAS) == len(kinds)

    @given(events)
    def test_every_event_names_its_schema_and_has_its_fields(self, event):
        for content in (False, True):
            envelope = p.published(recorded(event), content=content)
            definition = SCHEMAS[envelope.dataschema]["$defs"][event.NAME]
            data = json.loads(p.encode(envelope.data))
            assert set(definition["required"]) <= data.keys() <= definition["properties"].keys()
