"""`verbatim events`: the contract, printed."""

import json

from domain.asyncapi import document
from domain.published import schemas
from tests.services.cli.support import CommandLine


def test_the_document(cli: CommandLine) -> None:
    assert cli("events", "asyncapi").json == json.loads(json.dumps(document()))


def test_the_schemas(cli: CommandLine) -> None:
    assert cli("events", "schema").json == json.loads(json.dumps(schemas()))
    urn = "urn:verbatim:event:message_pinned:v1"
    for name in (urn, "message_pinned:v1"):
        assert cli("events", "schema", name).json["$id"] == urn


def test_a_name_that_is_none(cli: CommandLine) -> None:
    ended = cli("events", "schema", "message_pined:v1")
    assert ended.code == 2
    assert "did you mean `message_pinned:v1`" in ended.error
