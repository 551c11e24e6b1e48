"""What is recorded of exports, and which are refused."""

import asyncio
from typing import Any

import psycopg
import pytest

from services.query.export import body, standing
from tests.running import wait_until
from tests.services.query.exporting import export, rich
from tests.services.support import Api, refused


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
            ("export/user/%ff", "user_id"),
            ("export/user/%ed%a0%80", "user_id"),
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
