"""`verbatim export`, and that `verbatim import` reads it back: the same texts, times, pins and metadata."""

import errno
import io
import json
from contextlib import nullcontext
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.cli.round_trip import kept
from tests.services.cli.support import CommandLine
from tests.services.support import Api

plain_text = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=20
)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.just("\0 `x` \U0001f600")
part = st.fixed_dictionaries({"type": st.just("text"), "text": text}) | st.just(
    {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}
)
moment = st.sampled_from(
    ["2023-02-03T04:05:06.789012Z", "2024-02-29T23:59:59Z", "1999-12-31T00:00:00Z"]
)
pairs = st.dictionaries(plain_text, plain_text, max_size=3)
message = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "system", "developer"]),
        "content": text | st.lists(part, min_size=1, max_size=3),
    },
    optional={
        "created_at": moment,
        "metadata": pairs,
        "name": plain_text,
        "extra": st.just({"a": [1, None]}),
    },
) | st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": text, "cost_cents": st.sampled_from([0, 0.25, 12])},
    optional={"created_at": moment, "model": plain_text, "output_tokens": st.integers(0, 99)},
)
call = [
    {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "done"},
]  # fmt: skip
conversation = st.fixed_dictionaries(
    {
        "fields": st.fixed_dictionaries(
            {"source": st.sampled_from(["api", "widget"])},
            optional={
                "title": plain_text,
                "assistant_id": plain_text,
                "metadata": pairs,
                "created_at": moment,
            },
        ),
        "messages": st.lists(message, max_size=8),
        "calls": st.booleans(),
        "pins": st.sets(st.integers(0, 7), max_size=3),
        "fate": st.sampled_from(["active", "archived", "deleted"]),
    }
)


def build(api: Api, name: str, wanted: dict[str, Any]) -> None:
    messages = wanted["messages"] + (call if wanted["calls"] else [])
    sent = {"id": name, "user_id": "u", **wanted["fields"], "messages": messages}
    made = api.post("/conversations", sent)
    assert made.status_code == 201, made.text
    ids = [m["id"] for m in api.get(f"/conversations/{name}/messages").json()["data"]]
    for pin in wanted["pins"]:
        if pin < len(ids):
            api.patch(f"/conversations/{name}/messages/{ids[pin]}", {"is_pinned": True})
    if wanted["fate"] == "archived":
        api.patch(f"/conversations/{name}", {"status": "archived"})
    elif wanted["fate"] == "deleted":
        api.delete(f"/conversations/{name}")


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_what_is_exported_is_read_back(
    verbatim: CommandLine, api: Api, form: str, request: pytest.FixtureRequest
) -> None:
    number = 0

    @settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(conversation, min_size=1, max_size=3))
    def round_trip(wanted: list[dict[str, Any]]) -> None:
        nonlocal number
        number += 1
        with (
            api.as_workspace(f"from-{form}-{number}") as old,
            api.as_workspace(f"to-{form}-{number}") as new,
        ):
            for index, one in enumerate(wanted):
                build(old, f"c{index}", one)
            path = verbatim.folder / f"{number}.{form}"
            arguments = ("--user", "u", "--format", form, "-o", path)
            done = verbatim("export", *arguments, env={"VERBATIM_API_KEY": old.key})
            assert (done.code, done.err) == (0, "")
            for expected in ("conversations", "unchanged"):
                read = verbatim("import", path, "--json", env={"VERBATIM_API_KEY": new.key})
                assert read.code == 0, read.err
                assert read.json[expected] == len(wanted)
                assert kept(new) == kept(old)

    round_trip()


def test_one_conversation_to_standard_output(verbatim: CommandLine, api: Api) -> None:
    api.start("out1", "\0 é", "b")
    done = verbatim("export", "--conversation", "out1")
    assert (done.code, done.err) == (0, "")
    assert [m["content"] for m in done.json["data"]["messages"]] == ["\0 é", "b"]
    shown = verbatim("export", "--conversation", "out1", "--format", "markdown", "--include-events")
    assert "### Event 1 · verbatim.conversation_started.v1" in shown.out


def test_a_workspace_from_the_database(verbatim: CommandLine, api: Api) -> None:
    with api.as_workspace("whole") as mine:
        for number in range(5):
            mine.start(f"w{number}", "a", "b", user_id=f"u{number}")
        mine.delete("/conversations/w3")
        path = verbatim.folder / "whole.jsonl"
        done = verbatim("export", "--workspace", "whole", "--format", "jsonl", "-o", path)
        assert (done.code, done.out, done.err) == (0, "", "")
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert [line["conversation"]["id"] for line in lines if "conversation" in line] == [
            f"w{n}" for n in range(5)
        ]
        assert lines[-1]["counts"] == {
            "conversations": 5,
            "messages": 10,
            "summaries": 0,
            "events": 0,
        }
    assert path.stat().st_mode & 0o077 == 0
    told = verbatim("exports", "--workspace", "whole", "--json").json
    assert [(one["action"], one["kind"], one["key_id"]) for one in told] == [
        ("started", "workspace", None),
        ("finished", "workspace", None),
    ]
    assert "login verbatim" in verbatim("exports", "--workspace", "whole").out
    empty = verbatim("export", "--workspace", "nobody-there")
    assert (empty.code, empty.json["data"]) == (0, [])
    assert "workspace nobody-there has no conversations; check its name" in empty.err


def test_never_half_a_file_under_its_name(
    verbatim: CommandLine, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.start("half", "a")
    path = verbatim.write("mine.json", "what stood there")

    def breaks_off(self: httpx.Response) -> Any:
        yield b'{"export":'
        raise httpx.RemoteProtocolError("peer closed connection")

    with monkeypatch.context() as patch:
        patch.setattr(httpx.Response, "iter_bytes", breaks_off)
        ended = verbatim("export", "--conversation", "half", "-o", path)
    assert (ended.code, ended.error) == (1, "the export broke off; run the same command again")
    assert path.read_text() == "what stood there"

    async def fails(*arguments: Any, **more: Any) -> Any:
        raise KeyboardInterrupt
        yield b""

    monkeypatch.setattr("services.cli.export.export_body", fails)
    stopped = verbatim("export", "--workspace", "acme", "-o", path)
    assert stopped.code == 130
    assert path.read_text() == "what stood there"
    assert [one.name for one in verbatim.folder.iterdir()] == ["mine.json"]


def test_one_that_could_not_be_written_is_recorded_as_broken_off(
    verbatim: CommandLine, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    with api.as_workspace("unwritten") as mine:
        mine.start("u1", "a")
        with monkeypatch.context() as patch:
            patch.setattr("services.cli.export._whole", lambda _: nullcontext(Full()))
            ended = verbatim("export", "--workspace", "unwritten")
    assert ended.code == 1
    assert "No space left on device" in ended.error
    told = verbatim("exports", "--workspace", "unwritten", "--json").json
    assert [one["action"] for one in told] == ["started", "broken off"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([], 2, "give one of --user, --conversation, --workspace"),
        (["--user", "u", "--workspace", "w"], 2, "give one of"),
        (["--conversation", "no id"], 2, "--conversation takes the id"),
        (["--conversation", "nowhere"], 1, "conversation"),
        (["--workspace", "No Such"], 2, "--workspace takes 1 to 32"),
        (["--user", "x" * 256], 1, "a user's id has 1 to 255 characters"),
        (["--user", "u", "-o", "nowhere/at/all.json"], 2, "cannot be written"),
    ],
)
def test_one_line_says_what_is_wrong(
    verbatim: CommandLine, arguments: list[str], code: int, told: str
) -> None:
    ended = verbatim("export", *arguments)
    assert ended.code == code
    assert told in ended.error


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda text: text[: text.rindex(b'{"counts"')], "the export is cut off"),
        (
            lambda text: text.replace(b"export.v1", b"export.v9"),
            "verbatim.export.v9 cannot be read",
        ),
        (lambda text: text.replace(b'"is_pinned"', b'"is_stapled"'), "lacks 'is_pinned'"),
        (lambda text: text.replace(b'{"conversation":', b'{"kind":'), "begins a conversation"),
    ],
)
def test_a_damaged_export_is_told(verbatim: CommandLine, api: Api, damage: Any, told: str) -> None:
    with api.as_workspace("damaged") as mine:
        mine.post("/conversations", {"id": "d"})
        mine.post("/conversations/d/messages", {"id": "m", "role": "user", "content": "x"})
        done = verbatim(
            "export", "--conversation", "d", "--format", "jsonl", env={"VERBATIM_API_KEY": mine.key}
        )
        path = verbatim.write("damaged.jsonl", damage(done.out.encode()))
        ended = verbatim("import", path, env={"VERBATIM_API_KEY": mine.key})
    assert ended.code == 1
    assert told in ended.err


def test_a_cut_document_is_told(verbatim: CommandLine, api: Api) -> None:
    api.start("cut", "x")
    whole = verbatim("export", "--conversation", "cut").out
    ended = verbatim("import", verbatim.write("cut.json", whole[:-40]))
    assert ended.code == 1
    assert "cut off" in ended.err
