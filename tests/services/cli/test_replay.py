"""`verbatim replay` and `verbatim conversation show`."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.codec import Codec
from services.cli import replay
from tests.histories import make_log, store
from tests.servers import Database
from tests.services.cli.support import CommandLine, at
from tests.services.support import Api


@pytest.fixture
def rows(database: Database, cli: CommandLine) -> list[tuple]:
    cli.set(database_url=database.service)
    _, rows = make_log(71, conversations=6, commands=200)
    store(database.owner, rows)
    return rows


def positions(lines: str) -> list[int]:
    return [int(json.loads(line)["position"]) for line in lines.splitlines()]


def test_all_events_in_order_with_full_data(cli: CommandLine, rows: list[tuple]) -> None:
    ended = cli("replay")
    assert (ended.code, ended.err) == (0, "")
    assert positions(ended.out) == [row[0] for row in rows]
    for line, row in zip(ended.out.splitlines(), rows, strict=True):
        event = json.loads(line)
        assert (event["subject"], int(event["version"])) == (row[1].partition(":")[2], row[2])
        if row[5] is not None:
            assert event["data"]["content"] == json.loads(row[4])["data"]["content"]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--from", "20", "--to", "30"], lambda row: 20 <= row[0] <= 30),
        (["--from", "30", "--to", "99999"], lambda row: row[0] >= 30),
        (["--from", "99999"], lambda row: False),
        (["--workspace", "w1"], lambda row: row[1].startswith("w1:")),
        (["--workspace", "w1", "--conversation", "c3"], lambda row: row[1] == "w1:c3"),
        (["--workspace", "w0", "--conversation", "c2", "--from", "40"], lambda row: row[1] == "w0:c2" and row[0] >= 40),
        (["--at", "2026-03-14T12:01:00Z"], lambda row: occurred(row) <= "2026-03-14T12:01:00Z"),
    ],
)  # fmt: skip
def test_a_part(cli: CommandLine, rows: list[tuple], arguments: list[str], wanted: Any) -> None:
    assert positions(cli("replay", *arguments).out) == [row[0] for row in rows if wanted(row)]


def test_nothing_is_said_to_be_nothing(cli: CommandLine, rows: list[tuple]) -> None:
    end = f"the log ends at position {len(rows)}\n"
    there = "there; check its name, and the range:"
    for arguments, told in (
        (["--workspace", "nope"], f"no events of workspace nope {there} {end}"),
        (["--workspace", "w0", "--from", "99999"], f"no events of workspace w0 {there} {end}"),
        (["--from", "99999"], f"no events there; {end}"),
    ):
        ended = cli("replay", *arguments)
        assert (ended.code, ended.out, ended.err) == (0, "", told)


def occurred(row: tuple) -> str:
    return json.loads(row[4])["at"]


@pytest.mark.parametrize("cut", [0, 1, 700, 5_000])
def test_a_file_goes_on_where_it_was_cut_off(cli: CommandLine, rows: list[tuple], cut: int) -> None:
    whole = cli("replay").out.encode()
    path = cli.write("events.jsonl", whole[: len(whole) // 2 + cut])
    for _ in range(2):
        ended = cli("replay", "--to-jsonl", path)
        assert ended.code == 0
        assert path.read_bytes() == whole


def test_a_killed_one_says_how_to_go_on(
    cli: CommandLine, rows: list[tuple], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PAGE", 10)
    encode, seen = replay.published.encode, []

    def stops(event: Any) -> bytes:
        seen.append(event)
        if len(seen) > 35:
            raise KeyboardInterrupt
        return encode(event)

    path = Path(cli.folder / "events.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr(replay.published, "encode", stops)
        ended = cli("replay", "--to-jsonl", path)
    assert ended.code == 130
    assert "interrupted after position 30" in ended.err
    assert cli("replay", "--to-jsonl", path).code == 0
    assert path.read_text() == cli("replay").out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--from", "0"], "'--from'"),
        (["--from", "9", "--to", "8"], "--to 8 is before --from 9"),
        (["--to", "8", "--at", "2026-01-01T00:00:00Z"], "not both"),
        (["--at", "yesterday"], "--at takes a time"),
        (["--at", "0000-01-01T00:00:00Z"], "--at takes a time"),
        (["--conversation", "no id", "--workspace", "w"], "the id of a conversation"),
        (["--workspace", "W"], "--workspace takes"),
        (["--to-jsonl", "no/such/folder"], "cannot be written"),
        (["--to-jsonl", "notes.txt"], "no file of events"),
    ],
)
def test_one_line_says_what_is_wrong(
    cli: CommandLine, rows: list[tuple], arguments: list[str], told: str
) -> None:
    notes = cli.write("notes.txt", "my notes\n")
    ended = cli("replay", *arguments)
    assert ended.code == 2
    assert told in ended.error
    assert notes.read_text() == "my notes\n"


@pytest.mark.parametrize("text", ["half a note", '{"role": "user"}', "a note\nand half of one"])
def test_a_file_of_something_else_is_left_as_it_is(
    cli: CommandLine, rows: list[tuple], text: str
) -> None:
    notes = cli.write("notes.txt", text)
    ended = cli("replay", "--to-jsonl", notes)
    assert ended.code == 2
    assert "no file of events" in ended.error
    assert notes.read_text() == text


def test_a_conversation_is_one_of_the_workspace_that_dev_makes(cli: CommandLine, api: Api) -> None:
    at(cli, api)
    api.start("told", "a", "b")
    of_acme = cli("replay", "--conversation", "told", "--workspace", "acme")
    assert (of_acme.code, len(positions(of_acme.out))) == (0, 3)
    unknown = cli("replay", "--conversation", "told")
    assert unknown.code == 1
    assert unknown.error == "there is no conversation told in dev; --workspace names another"


def test_an_unreadable_event_goes_out_as_its_envelope(
    cli: CommandLine, rows: list[tuple], monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = Codec.decode

    def fails(self: Codec, topic: str, state: bytes) -> Any:
        return decode(self, topic.replace("Pinned.1", "Pinned.9"), state)

    monkeypatch.setattr(Codec, "decode", fails)
    events = [json.loads(line) for line in cli("replay").out.splitlines()]
    assert len(events) == len(rows)
    assert {event["data"] is None for event in events} == {True, False}


class TestConversationShow:
    def test_it_stood_as_over_http(self, cli: CommandLine, api: Api) -> None:
        at(cli, api)
        api.start("past", "a", "b", title="first")
        api.patch("/conversations/past", {"title": "second"})
        for version in (1, 2, 4):
            told = api.get(f"/conversations/past?as_of={version}").json()["data"]
            shown = cli(
                "conversation", "show", "past", "--workspace", "acme", "--as-of", str(version)
            )
            assert shown.code == 0, shown.err
            assert shown.json == {key: told[key] for key in shown.json}
        api.delete("/conversations/past")
        now = cli("conversation", "show", "past", "--workspace", "acme").json
        assert (now["status"], now["title"], len(now["messages"])) == ("deleted", "second", 2)

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["nowhere"], "there was no conversation nowhere"),
            (["no id"], "cannot be the id"),
            (["known", "--as-of", "99"], "is at version"),
            (["known", "--as-of", "soon"], "as_of is a version"),
            (["known", "--as-of", "2999-01-01T00:00:00Z"], "in the future"),
            (["known", "--as-of", "1999-01-01T00:00:00Z"], "there was no conversation known"),
        ],
    )
    def test_one_line(self, cli: CommandLine, api: Api, arguments: list[str], told: str) -> None:
        at(cli, api)
        api.post("/conversations", {"id": "known"})
        ended = cli("conversation", "show", *arguments, "--workspace", "acme")
        assert ended.code in (1, 2)
        assert told in ended.error
