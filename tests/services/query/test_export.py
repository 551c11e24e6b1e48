"""Exports over HTTP: whole, as of one position, in each format, recorded, refused."""

import asyncio
import json
import threading
from typing import Any
from urllib.parse import quote

import pytest

from services.query.export import standing
from tests.services.query.exporting import NASTY, export, rich
from tests.services.support import Api


def everything(api: Api, name: str) -> dict[str, Any]:
    """The same from the endpoints that show it."""
    shown = api.get(f"/conversations/{name}?include_messages=false").json()["data"]
    messages = api.get(f"/conversations/{name}/messages?limit=200").json()["data"]
    return shown | {"messages": messages, "summaries": []}


def test_a_conversation(api: Api) -> None:
    rich(api, "ex1")
    answer = export(api, "ex1/export")
    whole = answer.json()
    assert list(whole) == ["export", "data", "counts"]
    assert whole["data"] == everything(api, "ex1")
    assert whole["data"]["messages"][1]["content"] == NASTY
    assert whole["data"]["messages"][1]["is_pinned"] is True
    assert '"n": 1.5' in answer.text or '"n":1.5' in answer.text
    assert whole["counts"] == {"conversations": 1, "messages": 6, "summaries": 0, "events": 0}
    head = whole["export"]
    assert (head["format"], head["workspace"], head["conversation_id"]) == (
        "verbatim.export.v1",
        "acme",
        "ex1",
    )
    assert head["log_position"] == api.head() == int(answer.headers["x-projection-position"])
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["etag"] == f'"{whole["data"]["version"]}"'
    assert "content-length" not in answer.headers


def test_lines(api: Api) -> None:
    rich(api, "ex2")
    answer = export(api, "ex2/export", format="jsonl", include_events="true")
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.content.split(b"\n")[:-1]]
    kinds = [next(iter(line)) for line in lines]
    events = api.get("/conversations/ex2/events?limit=200").json()["data"]
    assert kinds == ["export", "conversation", *["message"] * 6, *["event"] * len(events), "counts"]
    told = everything(api, "ex2")
    assert [line["message"] for line in lines[2:8]] == told.pop("messages")
    assert lines[1]["conversation"] | {"summaries": []} == told
    assert [line["event"] for line in lines[8:-1]] == events
    assert lines[-1]["counts"]["events"] == len(events)


def test_markdown(api: Api) -> None:
    rich(api, "ex3")
    answer = export(api, "ex3/export", format="markdown", include_events="true")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    text = answer.text
    assert "## About ex3" in text
    assert "### 2 · user · 2024-01-15T10:30:00.123456Z · pinned" in text
    assert f"\n````\n{NASTY}\n````\n" in text  # longer than the fence in it
    assert "\n`````\n```py\nx\n````\n`````\n" in text
    assert '"arguments":"{\\"a\\": 1.0}"' in text
    assert '{"reasoning":{"a":1.5}}' in text.replace(" ", "")
    assert text.rstrip().endswith("1 conversations, 6 messages, 0 summaries, 10 events.")


def test_a_users_conversations(api: Api) -> None:
    user = "ann/with slash?&é\"'"
    for name in ("ux1", "ux2", "ux3"):
        rich(api, name, user_id=user)
    rich(api, "ux4", user_id="someone else")
    expected = {name: everything(api, name) for name in ("ux1", "ux2", "ux3")}
    api.patch("/conversations/ux2", {"status": "archived"})
    api.delete("/conversations/ux3")
    for asked in (user, quote(user, safe="")):
        path = asked if asked != user else quote(user)
        whole = export(api, f"export/user/{path}").json()
        assert whole["export"]["user_id"] == user
        assert [one["id"] for one in whole["data"]] == ["ux1", "ux2", "ux3"]
        assert [one["status"] for one in whole["data"]] == ["active", "archived", "deleted"]
        assert [o["messages"] for o in whole["data"]] == [e["messages"] for e in expected.values()]
        assert whole["counts"]["conversations"] == 3
    lines = export(api, f"export/user/{quote(user, safe='')}", format="jsonl").text.splitlines()
    assert sum(line.startswith('{"conversation":') for line in lines) == 3
    nobody = export(api, "export/user/nobody").json()
    assert (nobody["data"], nobody["counts"]["conversations"]) == ([], 0)


@pytest.mark.parametrize("user", ["/sub", "sub/", "https://id.example/sub", "a//b", "%2F"])
def test_a_users_id_to_the_letter(api: Api, user: str) -> None:
    """Slashes at its ends and side by side are part of it: else another user's conversations would be handed out."""
    name = f"letter-{user.encode().hex()}"
    api.post("/conversations", {"id": name, "user_id": user})
    for asked in (quote(user, safe=""), quote(user)):
        whole = export(api, f"export/user/{asked}").json()
        assert whole["export"]["user_id"] == user
        assert [one["id"] for one in whole["data"]] == [name]
    beside = export(api, f"export/user/{quote(user.strip('/'), safe='')}").json()
    assert beside["export"]["user_id"] == user.strip("/")


@pytest.mark.parametrize(
    ("user", "plain", "whole"),
    [
        ("u1", "verbatim-user-u1-", "verbatim-user-u1-"),
        ('a"b\\c/d', "verbatim-user-a-b-c-d-", "verbatim-user-a%22b%5Cc%2Fd-"),
        ("é", "verbatim-user-export-", "verbatim-user-%C3%A9-"),
        ("x" * 255, f"verbatim-user-{'x' * 64}-", f"verbatim-user-{'x' * 255}-"),
    ],
)
def test_a_name_that_every_browser_keeps(api: Api, user: str, plain: str, whole: str) -> None:
    given = export(api, f"export/user/{quote(user, safe='')}").headers["content-disposition"]
    kind, name, long_name = given.split("; ")
    assert kind == "attachment"
    assert name.startswith(f'filename="{plain}')
    assert name.endswith('.json"')
    assert long_name.startswith(f"filename*=UTF-8''{whole}")


def test_one_position_whatever_is_written_meanwhile(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Conversations that come later in the export change while it is made: they are shown as they stood."""
    for number in range(12):
        api.start(f"meanwhile{number:02}", *["text"] * 20, user_id="busy")
    expected = [everything(api, f"meanwhile{number:02}") for number in range(12)]
    began, changed = threading.Event(), threading.Event()
    conversation = standing.PastLog.conversation

    async def waits(self: standing.PastLog, stream: str) -> Any:
        began.set()
        await asyncio.to_thread(changed.wait, 30)
        return await conversation(self, stream)

    monkeypatch.setattr(standing.PastLog, "conversation", waits)

    def change() -> None:
        began.wait(30)
        for number in range(12):
            one = f"/conversations/meanwhile{number:02}"
            message = expected[number]["messages"][3]
            api.patch(f"{one}/messages/{message['id']}", {"is_pinned": True})
            api.post(f"{one}/messages", {"role": "user", "content": "later"})
            api.patch(one, {"title": "later", "user_id": "another"})
        api.delete("/conversations/meanwhile03")
        api.start("meanwhile99", "later", user_id="busy")
        changed.set()

    position = api.head()
    thread = threading.Thread(target=change)
    thread.start()
    whole = export(api, "export/user/busy").json()
    thread.join()
    assert whole["export"]["log_position"] == position
    assert whole["data"] == expected


@pytest.mark.parametrize(("rows", "size"), [(3, 1 << 20), (500, 100)])
def test_pages_do_not_matter(
    api: Api, monkeypatch: pytest.MonkeyPatch, rows: int, size: int
) -> None:
    name = f"paged{rows}"
    rich(api, name)
    whole = export(api, f"{name}/export", include_events="true").json()
    monkeypatch.setattr(standing, "PAGE", rows)
    monkeypatch.setattr(standing, "PAGE_BYTES", size)
    again = export(api, f"{name}/export", include_events="true").json()
    assert (again["data"], again["counts"]) == (whole["data"], whole["counts"])
