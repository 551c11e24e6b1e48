"""Previews, and contexts as they are read: over the real service."""

import pytest

from domain.compaction.counting import openai_tokens
from services.http.tokenizer import Tokenizer
from tests.services.compaction.asking import COUNT, all_of, context, conversation, data, talk
from tests.services.support import Api, refused


class TestPreview:
    def test_it_is_what_compact_then_does(self, api: Api) -> None:
        talk(api, "preview")
        before = api.head()
        for body in ({"target_tokens": 700}, {"strategy": "summarization", "keep_recent": 3}):
            told = data(api.post("/conversations/preview/compact/preview", body))
            by_command = data(
                api.post("/conversations/preview/compact", body | {"preview_only": True})
            )
            assert told == by_command
            assert (told["preview_only"], told["estimated"], told["compaction_id"]) == (
                True,
                False,
                None,
            )
        assert api.head() == before
        done = data(api.post("/conversations/preview/compact", body))
        for name in (
            "messages_compacted",
            "tokens_before",
            "tokens_after",
            "tokens_saved",
            "compression_ratio",
            "compacted",
        ):
            assert done[name] == told[name]
        assert done["summary"]["content"] == told["summary"]["content"]
        shown = context(api, "preview")
        assert shown["messages"] == told["context"]["messages"]
        assert shown["token_count"] == told["context"]["token_count"]

    def test_several_strategies(self, api: Api) -> None:
        talk(api, "several")
        body = {"strategies": ["hybrid", "sliding_window", "none", "hybrid"]}
        told = data(api.post("/conversations/several/compact/preview", body))
        assert [each["strategy"] for each in told] == ["hybrid", "sliding_window", "none"]
        assert told[2]["tokens_saved"] == 0
        query = {"strategies": "hybrid,sliding_window,none"}
        assert data(api.get("/conversations/several/compact/preview", params=query)) == told
        refused(
            api.get("/conversations/several/compact/preview", params={"strategies": "a,b"}),
            400,
            param="strategies",
        )
        refused(
            api.post("/conversations/several/compact/preview", {"strategies": []}),
            400,
            param="strategies",
        )
        both = {"strategies": ["hybrid"], "strategy": "hybrid"}
        refused(api.post("/conversations/several/compact/preview", both), 400, param="strategies")

    def test_what_would_grow_does_nothing(self, api: Api) -> None:
        api.start("tiny", "a", "b", "c")
        told = data(api.get("/conversations/tiny/compact/preview"))
        assert told["tokens_saved"] >= 0
        assert told["context"]["token_count"] <= conversation(api, "tiny")["context_tokens"]


class TestContext:
    def test_the_same_read_gives_the_same_bytes(self, api: Api) -> None:
        talk(api, "bytes")
        data(api.post("/conversations/bytes/compact", {"target_tokens": 600}))
        for query in ({}, {"max_tokens": 300}, {"format": "anthropic", "max_tokens": 400}):
            one, two = (api.get("/conversations/bytes/context", params=query) for _ in range(2))
            assert one.content == two.content
            assert len(data(one)["sha256"]) == 64

    @pytest.mark.parametrize("budget", [80, 150, 400, 1_000, 10_000])
    @pytest.mark.parametrize("shape", ["openai", "anthropic"])
    def test_budgets(self, api: Api, budget: int, shape: str) -> None:
        talk(api, "budget") if api.get("/conversations/budget").status_code == 404 else None
        shown = context(api, "budget", max_tokens=budget, format=shape)
        assert shown["token_count"] <= budget
        assert shown["max_tokens"] == budget
        assert {m["message_id"] for m in shown["omitted"]} == {
            m["id"] for m in all_of(api, "budget")
        } - set(shown["included"])

    def test_strategies_for_one_read(self, api: Api) -> None:
        talk(api, "reads")
        data(api.post("/conversations/reads/compact", {"target_tokens": 400}))
        everything = context(api, "reads", strategy="none")
        assert len(everything["messages"]) == 32
        assert everything["summary_ids"] == []
        window = context(api, "reads", strategy="sliding_window", max_tokens=200)
        assert not any(str(m["content"]).startswith("[Earlier") for m in window["messages"])

    def test_without_system_or_summary(self, api: Api) -> None:
        talk(api, "parts")
        data(api.post("/conversations/parts/compact", {"target_tokens": 400}))
        bare = context(api, "parts", include_system=False, include_summary=False)
        assert all(m["role"] != "system" for m in bare["messages"])
        assert not any(str(m["content"]).startswith("[Earlier") for m in bare["messages"])
        assert bare["token_count"] < context(api, "parts")["token_count"]
        assert bare["token_count"] == openai_tokens(COUNT, bare["messages"])

    def test_models_and_their_tokenizers(self, api: Api) -> None:
        talk(api, "models")
        assert context(api, "models", model="gpt-4o")["tokenizer"] == "o200k_base"
        older = context(api, "models", model="gpt-4-turbo")
        assert older["tokenizer"] == "cl100k_base"
        assert older["token_count"] == openai_tokens(
            Tokenizer("cl100k_base").count, older["messages"]
        )
        other = context(api, "models", model="claude-sonnet")
        assert (other["tokenizer"], other["estimated"]) == ("o200k_base", True)

    def test_as_it_was_at_a_version(self, api: Api) -> None:
        talk(api, "then")
        before = api.get("/conversations/then/context")
        version = data(before)["version"]
        data(api.post("/conversations/then/compact", {"target_tokens": 400}))
        api.post(
            "/conversations/then/messages", {"role": "assistant", "content": "It is on its way."}
        )
        assert data(before) == context(api, "then", as_of=version)
        compacted = context(api, "then", as_of=version + 1)
        assert compacted["token_count"] <= 400
        assert context(api, "then", as_of=version + 2) == context(api, "then")

    def test_anthropic_has_its_shape(self, api: Api) -> None:
        messages = [
            {"role": "system", "content": "Be brief."},
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": "Find 4711."},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c 1", "type": "function", "function": {"name": "find", "arguments": '{"id":4711}'}}]},
        ]  # fmt: skip
        api.post("/conversations", {"id": "claude", "messages": messages})
        shown = context(api, "claude", format="anthropic")
        assert shown["system"] == [{"type": "text", "text": "Be brief."}]
        assert [m["role"] for m in shown["messages"]] == [
            "user",
            "assistant",
            "user",
            "assistant",
            "user",
        ]
        assert shown["messages"][3]["content"][0]["input"] == {"id": 4711}
        assert (
            shown["messages"][4]["content"][0]["tool_use_id"]
            == shown["messages"][3]["content"][0]["id"]
            == "c_1"
        )
        plain = context(api, "claude")
        assert plain["messages"][-1] == {
            "role": "tool",
            "content": "[no result recorded]",
            "tool_call_id": "c 1",
        }
        assert plain["token_count"] == conversation(api, "claude")["context_tokens"]
