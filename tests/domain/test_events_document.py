"""docs/events.md against the code: every event, field and attribute, and no other."""

import json
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from msgspec import UNSET

from domain.codec import EVENT_TYPES, Codec
from domain.envelope import Meta
from domain.events import ConversationArchived, Event
from domain.published import CloudEvent
from domain.published_events import PublishedEvent
from tests.domain.builders import NOON

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "events.md").read_text("utf-8")
PUBLISHED: dict[str, type[PublishedEvent]] = {
    kind.__name__: kind for kind in get_args(PublishedEvent)
}


def table(heading: str) -> list[list[str]]:
    """The cells of the first table with this first column."""
    lines = TEXT.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows: list[list[str]] = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def section(kind: type[Event]) -> str:
    found = re.search(rf"^### `{kind.NAME}`\n(.*?)(?=^#)", TEXT, re.DOTALL | re.MULTILINE)
    assert found, f"no section about {kind.NAME}"
    return found[1]


def test_every_event_has_a_section_and_no_other_has() -> None:
    assert re.findall(r"^### `(\w+)`$", TEXT, re.MULTILINE) == [k.NAME for k in EVENT_TYPES]


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.NAME)
def test_the_fields_of_a_stored_event(kind: type[Event]) -> None:
    text = section(kind)
    listed = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert listed == list(kind.__struct_fields__)
    assert text.lstrip().startswith("No fields.") == (not listed)
    raw = {f.name for f in msgspec.structs.fields(kind) if f.type is msgspec.Raw}
    assert set(re.findall(r"^\| `(\w+)` \| \*JSON\*", text, re.MULTILINE)) == raw


def test_the_keys_of_a_stored_body() -> None:
    meta = Meta("e", NOON, "c", "k", "r", "w")
    body = json.loads(Codec().encode(meta, ConversationArchived()).state)
    assert {names(row[0])[0] for row in table("key")} == body.keys()


def test_the_columns_of_the_table() -> None:
    migration = Path(__file__).resolve().parents[2] / "eventstore" / "migrations" / "0001_log.sql"
    created = migration.read_text("utf-8").partition("CREATE TABLE events (")[2]
    columns = re.findall(r"^    ([a-z_]+) ", created.partition("\n)")[0], re.MULTILINE)
    assert [names(row[0])[0] for row in table("column")] == columns


def test_the_attributes_of_the_envelope() -> None:
    assert [names(row[0])[0] for row in table("attribute")] == list(CloudEvent.__struct_fields__)


def test_the_published_shapes() -> None:
    rows = {names(event)[0]: rest for event, *rest in table("event")}
    assert list(rows) == list(PUBLISHED)
    for event, (name, fields, content) in rows.items():
        kind = PUBLISHED[event]
        assert names(name) == [kind.TYPE]
        declared = msgspec.structs.fields(kind)
        assert names(fields) == [f.name for f in declared if f.default is not UNSET]
        assert names(content) == [f.name for f in declared if f.default is UNSET]


def test_the_example_is_a_published_event() -> None:
    found = re.search(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert found
    example = json.loads(found[1])
    assert example.keys() <= set(CloudEvent.__struct_fields__)
    kind = PUBLISHED["MessageAppended"]
    assert example["type"] == f"verbatim.{kind.TYPE}"
    assert example["data"].keys() <= set(kind.__struct_fields__)
    assert example["dataschema"] == "urn:verbatim:event:message_appended:v1"
