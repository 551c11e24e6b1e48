"""No id can be created that a path of the API means something else by: derived from the routes of the running service."""

from itertools import product

import msgspec
import psycopg
import pytest

from services.cli.exported import import_line
from services.cli.lines import parse
from services.http.names import RESERVED_CONVERSATIONS, RESERVED_MESSAGES
from tests.services.http.contract import document_of
from tests.services.support import Api, refused


@pytest.fixture(scope="module")
def paths(api: Api) -> list[list[str]]:
    return [path.strip("/").split("/") for path in document_of(api)["paths"]]


def collisions(paths: list[list[str]], parameter: str) -> set[str]:
    """Words that stand where another path, begun alike, has this parameter."""
    return {
        word
        for path, other in product(paths, paths)
        for place, (segment, word) in enumerate(zip(path, other, strict=False))
        if segment == f"{{{parameter}}}" and word[0] != "{" and path[:place] == other[:place]
    }


def words(paths: list[list[str]]) -> list[str]:
    return sorted({segment for path in paths for segment in path if segment.isalpha()})


def message(name: str) -> dict[str, str]:
    return {"id": name, "role": "user", "content": "x"}


def test_the_reserved_words_are_those_of_the_routes(paths: list[list[str]]) -> None:
    assert collisions(paths, "conversation_id") == RESERVED_CONVERSATIONS
    assert collisions(paths, "message_id") | collisions(paths, "item_id") == RESERVED_MESSAGES


def test_a_conversation_that_was_created_can_be_used(api: Api, paths: list[list[str]]) -> None:
    """Every word of every path: refused, or no word that stands in anybody's way."""
    for word in words(paths):
        answer = api.post("/conversations", {"id": word})
        if word in RESERVED_CONVERSATIONS:
            refused(answer, 400, "reserved_id", "id")
            continue
        assert answer.status_code == 201, answer.text
        assert api.get(f"/conversations/{word}").json()["data"]["id"] == word
        assert api.post(f"/conversations/{word}/messages", message("m")).status_code == 201
        assert api.get(f"/conversations/{word}/messages").status_code == 200
        assert api.get(f"/conversations/{word}/export").status_code == 200
        assert api.patch(f"/conversations/{word}", {"title": "t"}).status_code == 200
        assert api.delete(f"/conversations/{word}").status_code == 200
        assert api.post(f"/conversations/{word}/restore").status_code == 200


def test_a_message_that_was_appended_can_be_pinned(api: Api, paths: list[list[str]]) -> None:
    api.start("words")
    for word in words(paths):
        answer = api.post("/conversations/words/messages", message(word))
        if word in RESERVED_MESSAGES:
            refused(answer, 400, "reserved_id", "id")
            continue
        assert answer.status_code == 201, answer.text
        pinned = api.patch(f"/conversations/words/messages/{word}", {"is_pinned": True})
        assert pinned.json()["data"]["is_pinned"] is True


@pytest.mark.parametrize("word", sorted(RESERVED_MESSAGES))
def test_no_surface_appends_a_reserved_message(api: Api, word: str) -> None:
    name = f"holds-{word}"
    created = {"id": name, "messages": [message("a"), message(word)]}
    refused(api.post("/conversations", created), 400, "reserved_id", "messages[1].id")
    api.start(name)
    batch = {"messages": [message("a"), message(word)]}
    path = f"/conversations/{name}/messages/batch"
    refused(api.post(path, batch), 400, "reserved_id", "messages[1].id")
    assert api.get(f"/conversations/{name}").json()["data"]["message_count"] == 0


@pytest.mark.parametrize("word", sorted(RESERVED_CONVERSATIONS))
def test_no_chat_completion_begins_a_reserved_conversation(api: Api, word: str) -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "x"}], "conversation_id": word}
    before = api.head()
    refused(api.post("/chat/completions", asked), 400, "reserved_id", "conversation_id")
    assert api.head() == before


@pytest.mark.parametrize("word", sorted(RESERVED_CONVERSATIONS))
def test_an_import_gives_such_a_line_an_id_made_from_its_own(word: str) -> None:
    line = parse(b'{"id": "%s", "messages": [{"id": "batch", "role": "user", "content": "x"}]}' % word.encode())  # fmt: skip
    again = parse(b'{"id": "%s", "messages": []}' % word.encode())
    assert line.conversation_id == again.conversation_id != word
    assert line.conversation_id.startswith("conv_")
    assert line.id_of(1).startswith("msg_")


def test_so_does_an_import_of_an_export(api: Api) -> None:
    sent = {"id": "batch", "role": "user", "content": "x", "is_pinned": True}
    api.start("exported")
    api.post("/conversations/exported/messages", {"role": "user", "content": "x"})
    whole = msgspec.json.decode(
        api.get("/conversations/exported/export").content, type=dict[str, msgspec.Raw]
    )
    conversation = msgspec.json.decode(whole["data"], type=dict[str, msgspec.Raw])
    [message] = msgspec.json.decode(conversation["messages"], type=list[dict[str, msgspec.Raw]])
    old = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in sent.items()}
    line = import_line(conversation | {"id": msgspec.Raw(b'"search"')}, [message | old, message])
    assert line.conversation_id.startswith("conv_")
    assert line.id_of(1) == "msg_batch"
    assert line.pinned == ["msg_batch"]
    assert line.id_of(2) == msgspec.json.decode(message["id"])


def test_a_log_that_holds_such_an_id_still_replays(api: Api) -> None:
    """One that was created before they were refused: it is listed, found, and can be deleted."""
    api.start("template", "x")
    with psycopg.connect(api.database.owner) as connection:
        connection.execute(
            "INSERT INTO events SELECT (SELECT position FROM head) + originator_version,"
            " 'acme:search', originator_version, topic, state FROM events"
            " WHERE originator_id = 'acme:template'"
        )
        connection.execute("UPDATE head SET position = (SELECT max(position) FROM events)")
    listed = api.get("/conversations?sort_by=created_at").json()["data"]
    assert "search" in [one["id"] for one in listed]
    bulk = {"action": "delete", "conversation_ids": ["search"]}
    assert api.post("/conversations/bulk", bulk).json()["data"]["updated"] == 1
    listed = api.get("/conversations?status=deleted").json()["data"]
    assert "search" in [one["id"] for one in listed]
