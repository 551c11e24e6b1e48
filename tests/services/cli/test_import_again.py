"""`verbatim import` where something is there already: from the same file, or from elsewhere."""

import signal
import subprocess
import sys

import msgspec
import pytest

from services.cli.lines import PART_MESSAGES, parse
from tests.running import wait_until
from tests.services.cli.imported import conversation, jsonl, texts_of
from tests.services.cli.support import CommandLine, clean_environ
from tests.services.support import Api


def test_a_conversation_that_grew_gets_only_what_is_new(verbatim: CommandLine, api: Api) -> None:
    texts = [f"t{number}" for number in range(PART_MESSAGES + 20)]
    assert verbatim("import", "-", stdin=jsonl(conversation("grown", *texts[:3]))).code == 0
    ended = verbatim("import", "-", stdin=jsonl(conversation("grown", *texts)), env={})
    assert ended.out.startswith(f"1 conversations with {len(texts) - 3} messages imported")
    assert texts_of(api, "grown") == texts


def test_what_was_written_or_retracted_since_stays(verbatim: CommandLine, api: Api) -> None:
    data = jsonl(conversation("lives", "a", "b"))
    assert verbatim("import", "-", stdin=data).code == 0
    api.post("/conversations/lives/messages", {"role": "user", "content": "c"})
    head = api.head()
    ended = verbatim("import", "-", stdin=data)
    assert (ended.code, api.head()) == (0, head)
    assert texts_of(api, "lives") == ["a", "b", "c"]


@pytest.mark.parametrize("own_ids", [False, True])
def test_a_line_that_was_changed_is_refused(verbatim: CommandLine, api: Api, own_ids: bool) -> None:
    name = f"changed-{own_ids}"

    def lines(*texts: str) -> bytes:
        line = conversation(name, *texts)
        if own_ids:
            for index, message in enumerate(line["messages"]):
                message["id"] = f"m{index}"
        return jsonl(line)

    assert verbatim("import", "-", stdin=lines("a", "b", "c")).code == 0
    head = api.head()
    assert verbatim("import", "-", stdin=lines("a", "b", "c")).code == 0
    ended = verbatim("import", "-", stdin=lines("a", "B", "c"))
    assert ended.code == 1
    assert "exists" in ended.err
    assert api.head() == head
    assert texts_of(api, name) == ["a", "b", "c"]


def test_another_conversation_of_the_same_id_is_reported(verbatim: CommandLine, api: Api) -> None:
    api.start("taken", "mine")
    ended = verbatim("import", "-", stdin=jsonl(conversation("taken", "theirs")))
    assert ended.code == 1
    assert ended.err == "line 1: conversation taken exists, with another message 1\n"
    api.delete("/conversations/taken")
    ended = verbatim("import", "-", stdin=jsonl(conversation("taken", "mine")))
    assert ended.err == "line 1: conversation taken exists, deleted; restore it first\n"


def test_an_import_that_was_killed_goes_on(verbatim: CommandLine, api: Api) -> None:
    """The reader of a pipe sends what it has: so the kill comes surely between two lines."""
    lines = [
        jsonl(conversation(f"killed-{n}", *(f"{n}.{k}" for k in range(150)))) for n in range(4)
    ]
    environ = clean_environ() | verbatim.environ
    program = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "import", "-"], env=environ, stdin=subprocess.PIPE
    )
    assert program.stdin is not None
    program.stdin.write(lines[0] + lines[1] + lines[2][:2_000])
    program.stdin.flush()
    wait_until(lambda: _count(api, "killed-0") == _count(api, "killed-1") == 150)
    program.send_signal(signal.SIGKILL)
    program.stdin.close()
    program.wait(30)
    assert api.get("/conversations/killed-2").status_code == 404
    # As if the kill had come between two parts of a conversation.
    first = parse(lines[3])
    body = {"id": first.conversation_id, "messages": first.messages[:PART_MESSAGES]}
    created = api("POST", "/conversations", content=msgspec.json.encode(body))
    assert created.status_code == 201
    ended = verbatim("import", "-", stdin=b"".join(lines), env={})
    assert ended.code == 0
    assert ended.out.startswith("2 conversations with 200 messages imported, 2 unchanged")
    for n in range(4):
        assert texts_of(api, f"killed-{n}") == [f"{n}.{k}" for k in range(150)]


def _count(api: Api, name: str) -> int:
    answer = api.get(f"/conversations/{name}", params={"include_messages": "false"})
    return answer.json()["data"]["message_count"] if answer.status_code == 200 else 0
