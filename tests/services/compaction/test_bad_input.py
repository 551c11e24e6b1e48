"""What compacting, previews and contexts refuse: over the real service."""

import pytest

from tests.services.compaction.asking import context, data, talk
from tests.services.support import Api, refused


class TestBadInput:
    @pytest.mark.parametrize(
        ("body", "param"),
        [
            ({"strategy": "shrink"}, "strategy"),
            ({"keep_recent": -1}, "keep_recent"),
            ({"keep_recent": 10**9}, "keep_recent"),
            ({"target_tokens": 0}, "target_tokens"),
            ({"target_tokens": 10**12}, "target_tokens"),
            ({"target_tokens": 10**30}, "target_tokens"),
            ({"target_tokens": "many"}, "target_tokens"),
            ({"instructions": "be brief"}, "instructions"),
            ({"instructions": ""}, "instructions"),
            ({"strategie": "hybrid"}, "strategie"),
            ({"preview_only": 1}, "preview_only"),
            ([], None),
        ],
    )
    def test_bodies(self, api: Api, body, param) -> None:
        talk(api, "bad") if api.get("/conversations/bad").status_code == 404 else None
        refused(api.post("/conversations/bad/compact", body), 400, param=param)
        if body and "preview_only" not in body:
            refused(api.post("/conversations/bad/compact/preview", body), 400, param=param)

    def test_a_preview_takes_what_a_compaction_takes(self, api: Api) -> None:
        talk(api, "asked")
        path = "/conversations/asked/compact/preview"
        shown = data(api.post(path, {"preview_only": True, "target_tokens": 400}))
        assert data(api.get(path, params={"preview_only": True, "target_tokens": 400})) == shown
        for answer in (
            api.post(path, {"preview_only": False}),
            api.get(path, params={"preview_only": False}),
        ):
            refused(answer, 400, "invalid_value", "preview_only")
        for answer in (
            api.post(path, {"instructions": "be brief"}),
            api.get(path, params={"instructions": "be brief"}),
        ):
            refused(answer, 400, "instructions_not_supported", "instructions")

    @pytest.mark.parametrize("text", ["", ",", "hybrid,", "hybrid;none", "hybrid, none"])
    def test_strategies_in_a_query(self, api: Api, text: str) -> None:
        if api.get("/conversations/named").status_code == 404:
            talk(api, "named")
        answer = api.get("/conversations/named/compact/preview", params={"strategies": text})
        error = refused(answer, 400, "invalid_value", "strategies")
        assert "with commas between them" in error["message"]

    @pytest.mark.parametrize(
        "query",
        [
            {"max_tokens": 0},
            {"max_tokens": -5},
            {"max_tokens": 10**20},
            {"strategy": "x"},
            {"format": "gemini"},
            {"as_of": 0},
            {"as_of": 10**9},
            {"as_of": "2026-01-01T00:00:00Z"},
            {"include_system": "maybe"},
            {"model": ""},
            {"what": 1},
        ],
    )
    def test_contexts(self, api: Api, query) -> None:
        talk(api, "bad2") if api.get("/conversations/bad2").status_code == 404 else None
        refused(api.get("/conversations/bad2/context", params=query), 400, param=next(iter(query)))

    def test_a_budget_below_what_must_stay(self, api: Api) -> None:
        talk(api, "tight")
        for answer, param in [
            (api.post("/conversations/tight/compact", {"target_tokens": 10}), "target_tokens"),
            (
                api.post("/conversations/tight/compact/preview", {"target_tokens": 10}),
                "target_tokens",
            ),
            (api.get("/conversations/tight/context", params={"max_tokens": 10}), "max_tokens"),
        ]:
            error = refused(answer, 400, "context_budget_too_small", param)
            needed = int(
                "".join(c for c in error["message"].rpartition("at least ")[2] if c.isdigit())
            )
            assert 10 < needed < 60
        fits = context(api, "tight", max_tokens=needed)
        assert fits["token_count"] <= needed
        openai = refused(
            api.get("/conversations/tight/context", params={"max_tokens": 50, "strategy": "none"}),
            400,
            "context_budget_too_small",
        )
        assert "at least" in openai["message"]

    def test_conversations_that_cannot_be(self, api: Api) -> None:
        for path in ("compact", "compact/preview"):
            refused(api.post(f"/conversations/nobody/{path}"), 404)
            refused(api.post(f"/conversations/no%20one/{path}"), 404)
        for path in ("context", "summaries", "compact/preview"):
            refused(api.get(f"/conversations/nobody/{path}"), 404)
            refused(api.get(f"/conversations/no%20one/{path}"), 404)
        api.start("deleted", "Hello")
        api.delete("/conversations/deleted")
        refused(api.post("/conversations/deleted/compact"), 409, "conversation_deleted")
        for path in ("context", "summaries", "compact/preview"):
            refused(api.get(f"/conversations/deleted/{path}"), 404)
        api.post("/conversations", {"id": "empty"})
        assert data(api.post("/conversations/empty/compact"))["messages_compacted"] == 0
        assert context(api, "empty")["messages"] == []
        assert context(api, "empty")["token_count"] == 0
        assert context(api, "empty", format="anthropic", max_tokens=5)["system"] == []

    def test_other_workspaces_see_nothing(self, api: Api) -> None:
        talk(api, "mine")
        with api.as_workspace("globex") as other:
            for path in ("context", "summaries", "compact/preview"):
                refused(other.get(f"/conversations/mine/{path}"), 404)
            refused(other.post("/conversations/mine/compact"), 404)
            refused(other.post("/conversations/mine/compact/preview"), 404)
