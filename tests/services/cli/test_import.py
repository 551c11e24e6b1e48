"""`verbatim import` against a running service."""

from pathlib import Path

import msgspec
import pytest

from services.cli import imports
from services.cli.lines import PART_MESSAGES, parse
from tests.real import check_that_all_came_back
from tests.services.cli.imported import conversation, jsonl, messages_of, texts_of
from tests.services.cli.support import CommandLine
from tests.services.support import Api, new_key


def test_a_file_and_the_same_from_standard_input(verbatim: CommandLine, api: Api) -> None:
    fields = {
        "title": "T",
        "user_id": "ann",
        "assistant_id": "bot",
        "metadata": {"k": "v"},
        "source": "widget",
        "created_at": "2024-01-02T03:04:05Z",
    }
    data = jsonl(conversation("file-1", "Grüße", "\0"), conversation("file-2", "b", **fields))
    ended = verbatim("import", verbatim.write("two.jsonl", data), "--json")
    assert (ended.code, ended.err) == (0, "")
    summary = ended.json
    assert summary.pop("seconds") > 0
    assert summary == {"conversations": 2, "unchanged": 0, "messages": 3, "failed": 0}
    assert texts_of(api, "file-1") == ["Grüße", "\0"]
    stored = api.get("/conversations/file-2").json()["data"]
    assert {name: stored[name] for name in fields} == fields
    head = api.head()
    again = verbatim("import", "-", stdin=data)
    assert (again.code, again.err) == (0, "")
    assert again.out.startswith("0 conversations with 0 messages imported, 2 unchanged, 0 failed, ")
    assert again.out.endswith(" messages/s\n")
    assert api.head() == head


def test_lines_without_ids_get_ids_from_their_content(verbatim: CommandLine, api: Api) -> None:
    line = {"messages": [{"role": "user", "content": "no id here"}]}
    expected = parse(jsonl(line))
    assert verbatim("import", "-", stdin=jsonl(line), env={}).code == 0
    [message] = messages_of(api, expected.conversation_id)
    assert message["id"] == expected.id_of(1)
    head = api.head()
    with_mark = b"\xef\xbb\xbf" + jsonl(line).rstrip() + b"  \r\n"
    assert verbatim("import", "-", stdin=with_mark).code == 0
    assert api.head() == head


def test_a_bad_line_is_reported_by_its_number_and_stops_nothing(
    verbatim: CommandLine, api: Api
) -> None:
    orphan = {"role": "tool", "tool_call_id": "nope", "content": "x"}
    lines = [
        jsonl(conversation("bad-1", "good")),
        b"{broken\n",
        b"\n",
        jsonl({"id": "bad-3"}),
        jsonl(conversation("bad-4", "typo", tilte="x")),
        jsonl({"id": "bad-5", "messages": [{"role": "wizard", "content": "x"}]}),
        jsonl({"id": "bad-6", "messages": [orphan]}),
        b"[" * 20_000 + b"\n",
        b'{"id":"bad-8","messages":[{"role":"user","content":"\\ud800"}]}\n',
        b'{"id":"bad-9","messages":[{"role":"user","content":"\xff"}]}\n',
        jsonl({"id": 7, "messages": []}),
        jsonl(conversation("bad-11", "last")),
    ]
    ended = verbatim("import", "-", stdin=b"".join(lines))
    assert ended.code == 1
    told = ended.err.splitlines()
    assert [line.split(":")[0] for line in sorted(told, key=_number)] == [
        f"line {number}" for number in (2, 4, 5, 6, 7, 8, 9, 10, 11)
    ]
    assert all(len(line.split(": ", 1)[1]) > 10 for line in told)
    assert "(at messages[0].tool_call_id)" in ended.err
    assert ended.out.startswith("2 conversations with 2 messages imported, 0 unchanged, 9 failed")
    assert texts_of(api, "bad-1") == ["good"]
    assert texts_of(api, "bad-11") == ["last"]
    assert api.get("/conversations/bad-6").status_code == 404  # nothing half-written
    assert api.get("/conversations/bad-8").status_code == 404


def _number(line: str) -> int:
    return int(line.split(":", maxsplit=1)[0].removeprefix("line "))


def test_an_empty_file_and_empty_lines_are_nothing(verbatim: CommandLine, api: Api) -> None:
    head = api.head()
    for data in (b"", b"\n \n\r\n"):
        ended = verbatim("import", "-", stdin=data)
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.startswith("0 conversations with 0 messages imported, 0 unchanged")
    assert api.head() == head
    assert verbatim("import", "-", stdin=jsonl({"id": "empty", "messages": []})).code == 0
    assert messages_of(api, "empty") == []
    head = api.head()
    assert verbatim("import", "-", stdin=jsonl({"id": "empty", "messages": []})).code == 0
    assert api.head() == head


def test_a_long_conversation_and_a_huge_message(verbatim: CommandLine, api: Api) -> None:
    count = 2 * PART_MESSAGES + 7
    large = "ä" * 450_000  # bytes: a part of its own
    too_large = "x" * (1 << 20)
    data = jsonl(
        conversation("long", *(f"text {number}" for number in range(count))),
        conversation("large", "before", large, large, "after"),
        conversation("too-large", too_large),
    )
    ended = verbatim("import", "-", stdin=data)
    assert ended.code == 1
    assert ended.err.startswith("line 3: the body is larger than 1048576 bytes")
    stored = messages_of(api, "long")
    assert [message["content"] for message in stored] == [f"text {n}" for n in range(count)]
    assert [message["sequence"] for message in stored] == list(range(1, count + 1))
    assert texts_of(api, "large") == ["before", large, large, "after"]
    assert api.get("/conversations/too-large").status_code == 404
    head = api.head()
    assert verbatim("import", "-", stdin=data).out.startswith("0 conversations with 0 messages")
    assert api.head() == head


def test_tool_calls_parts_and_unknown_fields_come_back_untouched(
    verbatim: CommandLine, api: Api
) -> None:
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": '{ "a" : 1.10, "b": 123456789012345678901234 }'},
        "odd": {"kept": True},
    }
    parts = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "hologram", "depth": 3},
    ]
    messages = [
        {"role": "user", "content": parts, "name": "ann"},
        {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None},
        {
            "role": "tool",
            "tool_call_id": "call_1",
            "content": '{"r": 1}',
            "created_at": "2024-01-01T00:00:00Z",
        },
    ]
    assert verbatim("import", "-", stdin=jsonl({"id": "tools", "messages": messages})).code == 0
    raw = api.get("/conversations/tools/messages").content
    assert msgspec.json.encode(call) in raw
    assert msgspec.json.encode(parts) in raw
    asked, called, answered = messages_of(api, "tools")
    assert asked["name"] == "ann"
    assert called["content"] is None
    assert called["extra"] == {"refusal": None}
    assert answered["tool_call_id"] == "call_1"
    assert answered["created_at"] == "2024-01-01T00:00:00Z"


def test_a_key_that_is_wrong_stops_before_the_first_line(verbatim: CommandLine, api: Api) -> None:
    path = verbatim.write("one.jsonl", jsonl(conversation("keyless", "x")))
    ended = verbatim("import", path, env={"VERBATIM_API_KEY": "vb_wrong"})
    assert (ended.code, ended.out) == (2, "")
    assert "use another" in ended.error
    reader = new_key(api.database.service, scopes=("read",))
    ended = verbatim("import", path, env={"VERBATIM_API_KEY": reader})
    assert (ended.code, ended.out) == (1, "")
    assert "write" in ended.error
    assert api.get("/conversations/keyless").status_code == 404


def test_a_service_that_is_not_there(verbatim: CommandLine) -> None:
    ended = verbatim("import", "-", env={"VERBATIM_BASE_URL": "http://127.0.0.1:1/v1"})
    assert ended.code == 2
    assert ended.error.startswith("http://127.0.0.1:1/v1 does not answer")


def test_progress_is_told_with_a_rate(
    verbatim: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "EVERY_SECONDS", -1.0)
    ended = verbatim(
        "import", "-", stdin=jsonl(*(conversation(f"progress-{n}", "x") for n in range(3)))
    )
    assert ended.code == 0
    told = ended.err.splitlines()
    assert len(told) == 3
    for count, line in enumerate(told, 1):
        conversations, messages, rate = line.split(", ")
        assert (conversations, messages) == (f"{count} conversations", f"{count} messages")
        assert rate.endswith(" messages/s")


@pytest.mark.parametrize("name", ["swe-agent.jsonl", "tau-airline.jsonl"])
def test_real_conversations_come_back_byte_for_byte(
    verbatim: CommandLine, api: Api, shared_data: Path, name: str
) -> None:
    file = shared_data / name
    assert verbatim("import", file).code == 0
    head = api.head()
    check_that_all_came_back(api.client, file)
    assert verbatim("import", file).out.startswith("0 conversations with 0 messages imported")
    assert api.head() == head
