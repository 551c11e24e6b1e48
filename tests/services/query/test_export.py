"""Exports over HTTP: whole, as of one position, in each format, recorded, refused."""

import asyncio
import json
import threading
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest

from services.query.export import body, standing
from tests.running import wait_until
from tests.services.support import Api, refused

NASTY = "\0 ```fence``` <b>&amp;</b> \U0001f600 \u202e \r\n\ttab \\ \" '"
PARTS = [
    {"type": "text", "text": "look"},
    {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
    {"type": "unheard_of", "n": 1.50},
]
CALLS = [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1.0}'}}]


def rich(api: Api, name: str, **more: Any) -> None:
    """A conversation with all there can be in one."""
    messages = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": NASTY, "metadata": {"k": "v"}, "created_at": "2024-01-15T10:30:00.123456Z"},
        {"role": "user", "content": PARTS, "name": "ann"},
        {"role": "assistant", "content": None, "tool_calls": CALLS, "model": "m", "cost_cents": 0.25, "output_tokens": 3},
        {"role": "tool", "tool_call_id": "call_1", "content": "42"},
        {"role": "assistant", "content": "```py\nx\n````", "extra": {"reasoning": {"a": 1.50}}, "finish_reason": "stop"},
    ]  # fmt: skip
    api.start(name)
    body = {"title": f"About {name}", "metadata": {"team": "a"}, **more}
    assert api.patch(f"/conversations/{name}", body).status_code == 200
    sent = api.post(f"/conversations/{name}/messages/batch", {"messages": messages})
    assert sent.status_code == 201, sent.text
    pinned = sent.json()["data"][1]["id"]
    api.patch(f"/conversations/{name}/messages/{pinned}", {"is_pinned": True})


def export(api: Api, path: str, **asked: str) -> httpx.Response:
    answer = api.get(f"/conversations/{path}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer


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


def records(api: Api) -> list[tuple[Any, ...]]:
    with psycopg.connect(api.database.superuser) as connection:
        return connection.execute(
            "SELECT export_id, action, workspace, kind, subject, format, include_events, conversations, messages, key_id"
            " FROM export_audit ORDER BY number"
        ).fetchall()


class TestRecords:
    def test_who_exported_what(self, api: Api) -> None:
        api.start("rec1", "a", "b", user_id="recorded")
        answer = export(api, "export/user/recorded", format="jsonl", include_events="true")
        began, ended = [row for row in records(api) if row[0] == answer.headers["x-request-id"]]
        assert began[1:7] == ("started", "acme", "user", "recorded", "jsonl", True)
        assert began[7:9] == (0, 0)
        assert ended[1:7] == ("finished", *began[2:7])
        assert ended[7:9] == (1, 2)
        assert began[9] == ended[9] is not None

    def test_one_that_is_hung_up_on_breaks_off(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("hung1", "hung2"):
            api.start(name, "a", "b", user_id="hung")
        conversation = standing.PastLog.conversation

        async def ends_early(self: standing.PastLog, stream: str) -> Any:
            if stream == "acme:hung2":
                await asyncio.Event().wait()
            return await conversation(self, stream)

        monkeypatch.setattr(body, "CHUNK", 1)
        monkeypatch.setattr(standing.PastLog, "conversation", ends_early)
        path = "/conversations/export/user/hung?format=jsonl"
        plain = {"Accept-Encoding": "identity"}  # a compressor keeps the first pieces to itself
        with api.client.stream("GET", path, headers=plain) as answer:
            next(answer.iter_bytes())
            request_id = answer.headers["x-request-id"]
        wait_until(lambda: sum(row[0] == request_id for row in records(api)) == 2)
        ended = [row for row in records(api) if row[0] == request_id][1]
        assert (ended[1], ended[7], ended[8]) == ("broken off", 1, 2)

    def test_headers_alone_are_no_export(self, api: Api) -> None:
        api.start("headed", "a", user_id="headed")
        for path in ("/conversations/headed/export", "/conversations/export/user/headed"):
            answer = api.client.head(path)
            assert answer.status_code == 200
            assert answer.headers["content-disposition"].startswith("attachment")
            request_id = answer.headers["x-request-id"]
            assert [row for row in records(api) if row[0] == request_id] == []

    def test_nobody_changes_them(self, api: Api) -> None:
        export(api, "export/user/nobody")
        for dsn in (api.database.service, api.database.owner):
            for change in (
                "UPDATE export_audit SET key_id = 'x'",
                "DELETE FROM export_audit",
                "TRUNCATE export_audit",
            ):
                with (
                    psycopg.connect(dsn) as connection,
                    pytest.raises(psycopg.errors.InsufficientPrivilege),
                ):
                    connection.execute(change)

    def test_without_a_record_nothing_is_handed_out(self, api: Api) -> None:
        api.start("norec", "secret")
        with psycopg.connect(api.database.owner, autocommit=True) as connection:
            connection.execute("ALTER TABLE export_audit RENAME TO away")
        try:
            answer = api.get("/conversations/norec/export")
            assert "secret" not in answer.text
            refused(answer, 503)
        finally:
            with psycopg.connect(api.database.owner, autocommit=True) as connection:
                connection.execute("ALTER TABLE away RENAME TO export_audit")


class TestRefused:
    def test_scope(self, api: Api) -> None:
        api.start("scoped")
        with api.as_workspace("acme", scopes=("read", "write")) as other:
            for path in ("scoped/export", "export/user/u"):
                refused(other.get(f"/conversations/{path}"), 403, "missing_scope")

    def test_another_workspaces(self, api: Api) -> None:
        rich(api, "mine", user_id="shared-name")
        with api.as_workspace("other") as other:
            refused(other.get("/conversations/mine/export"), 404, "conversation_not_found")
            assert other.get("/conversations/export/user/shared-name").json()["data"] == []

    def test_unknown_and_deleted(self, api: Api) -> None:
        refused(api.get("/conversations/nowhere/export"), 404, "conversation_not_found")
        refused(api.get("/conversations/no%20id/export"), 404, "conversation_not_found")
        api.start("gone")
        api.delete("/conversations/gone")
        refused(api.get("/conversations/gone/export"), 404, "conversation_not_found")

    @pytest.mark.parametrize(
        ("path", "param"),
        [
            ("ex/export?format=pdf", "format"),
            ("ex/export?format=", "format"),
            ("ex/export?include_events=perhaps", "include_events"),
            ("ex/export?limit=1", "limit"),
            ("export/user/u?format=JSON", "format"),
            ("export/user/u?format=json&format=json", "format"),
            ("export/user/" + "x" * 256, "user_id"),
            ("export/user/%0a", "user_id"),
            ("export/user/a%00b", "user_id"),
        ],
    )
    def test_bad_input(self, api: Api, path: str, param: str) -> None:
        refused(api.get(f"/conversations/{path}"), 400, param=param)

    def test_no_user_at_all(self, api: Api) -> None:
        assert api.get("/conversations/export/user/").status_code in (400, 404)

    def test_a_parked_conversation_is_not_left_out_silently(self, api: Api) -> None:
        api.start("sound", "x", user_id="ill")
        api.start("broken", "x", user_id="ill")
        with psycopg.connect(api.database.owner) as connection:
            connection.execute(
                "INSERT INTO readmodels.parked (name, stream, position, error)"
                " VALUES ('conversations.v1', 'acme:broken', 99999, 'a test')"
            )
        try:
            refused(api.get("/conversations/export/user/ill"), 503, "conversation_parked")
            refused(api.get("/conversations/broken/export"), 503, "conversation_parked")
            assert export(api, "sound/export").status_code == 200
        finally:
            with psycopg.connect(api.database.owner) as connection:
                connection.execute("DELETE FROM readmodels.parked WHERE stream = 'acme:broken'")
