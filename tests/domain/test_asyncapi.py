"""The document of the published events against what is really published."""

import json
import re
from pathlib import Path
from typing import get_args

import jsonschema_rs
import pytest
from hypothesis import given

from domain import published as p
from domain.asyncapi import document
from domain.codec import topic_of
from domain.envelope import Meta, Recorded
from domain.events import Event, MessagePinned
from tests.domain.frozen_events import BARE, FULL
from tests.domain.strategies import events

FILE = Path(__file__).resolve().parents[2] / "docs" / "asyncapi.json"
DOCUMENT = document()
VALIDATORS = {
    name: jsonschema_rs.validator_for(
        {"$ref": message["payload"]["$ref"], "components": DOCUMENT["components"]}
    )
    for name, message in DOCUMENT["components"]["messages"].items()
}


def sent(event: Event, meta: Meta, *, content: bool):
    recorded = Recorded("acme:conv_1", 7, 9, meta, event)
    return json.loads(p.encode(p.published(recorded, content=content)))


def test_the_file_is_the_document() -> None:
    """`make docs` writes it. A change of it is a change of other people's programs: think of VERSION."""
    assert json.loads(FILE.read_text("utf-8")) == DOCUMENT


@given(events)
def test_every_published_event_is_as_the_document_says(event: Event) -> None:
    for meta in (BARE, FULL):
        for content in (False, True):
            VALIDATORS[event.NAME].validate(sent(event, meta, content=content))


@given(events)
def test_an_envelope_alone_is_as_the_document_says(event: Event) -> None:
    whole = p.published(Recorded("acme:conv_1", 7, 9, BARE, event), content=True)
    VALIDATORS[event.NAME].validate(json.loads(p.encode(p.too_large(whole))))


@pytest.mark.parametrize("meta", [None, FULL])
def test_an_unreadable_event_is_as_the_document_says(meta: Meta | None) -> None:
    event = p.unreadable("acme:conv_1", 7, 9, "FromTheFuture.1", meta)
    VALIDATORS[p.UNKNOWN].validate(json.loads(p.encode(event)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"position": 9},
        {"type": "verbatim.message_unpinned.v1"},
        {"data": {"message_id": "m1"}},
        {"specversion": "0.3"},
    ],
)
def test_what_is_wrong_is_not_as_the_document_says(wrong) -> None:
    whole = sent(MessagePinned("m1", 3), FULL, content=False)
    VALIDATORS["MessagePinned"].validate(whole)
    assert not VALIDATORS["MessagePinned"].is_valid(whole | wrong)
    for name in ("id", "source", "type", "position", "version", "data", "specversion"):
        assert not VALIDATORS["MessagePinned"].is_valid(
            {key: value for key, value in whole.items() if key != name}
        )


def test_every_subject_has_a_channel() -> None:
    addresses = {
        name: re.compile(re.sub(r"\\{\w+\\}", r"[^.]+", re.escape(channel["address"])))
        for name, channel in DOCUMENT["channels"].items()
    }
    for kind in get_args(Event):
        subject = p.nats_subject("acme:conv_1", topic_of(kind))
        assert [n for n, address in addresses.items() if address.fullmatch(subject)] == [kind.NAME]
    assert addresses.keys() == {kind.NAME for kind in get_args(Event)} | {p.UNKNOWN}
