"""Compacting by hand, previews, contexts, summaries: over the real service."""

import threading

import httpx
import pytest

from domain.compaction.counting import openai_tokens
from services.http.tokenizer import Tokenizer
from tests.services.support import Api, refused

COUNT = Tokenizer("o200k_base").count
TEXTS = [
    "My order {n} was sent to Harbour Street {n}, and the parcel code is ZX-{n}-Q.",
    "Thank you. I see order {n}: it left Rotterdam on 2026-03-{n:02} and will come soon.",
]


def talk(api: Api, name: str, turns: int = 30, **more) -> None:
    """A system message and turns of a user and an assistant; the last word is the user's."""
    roles = ["user", "assistant"]
    messages = [{"role": "system", "content": "You help with orders.", "id": "sys"}]
    for n in range(turns):
        content = TEXTS[n % 2].format(n=n + 10)
        messages.append({"role": roles[n % 2], "content": content, "id": f"m{n}"})
    messages.append({"role": "user", "content": "And what now?", "id": "last"})
    start = {"id": name, "messages": messages[:100], **more}
    assert api.post("/conversations", start).status_code == 201


def data(answer: httpx.Response):
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def context(api: Api, name: str, **query):
    return data(api.get(f"/conversations/{name}/context", params=query))


def conversation(api: Api, name: str):
    return data(api.get(f"/conversations/{name}", params={"include_messages": False}))


class TestCompact:
    def test_it_answers_as_the_mission_says(self, api: Api) -> None:
        talk(api, "compact")
        before = conversation(api, "compact")["context_tokens"]
        done = data(api.post("/conversations/compact/compact"))
        assert done["conversation_id"] == "compact"
        assert done["tokens_before"] == before
        assert done["tokens_saved"] == done["tokens_before"] - done["tokens_after"]
        assert done["tokens_after"] <= before // 2
        assert done["compression_ratio"] == pytest.approx(done["tokens_saved"] / before, abs=1e-6)
        assert done["preview_only"] is False
        assert done["messages_compacted"] == sum(
            run["last_sequence"] - run["first_sequence"] + 1 for run in done["compacted"]
        )
        assert done["summary"]["message_count"] == done["messages_compacted"]
        after = conversation(api, "compact")
        assert after["context_tokens"] == done["tokens_after"]
        assert after["message_count"] == 32

    def test_the_context_costs_what_is_told_and_every_message_is_still_listed(
        self, api: Api
    ) -> None:
        talk(api, "costs")
        done = data(
            api.post("/conversations/costs/compact", {"strategy": "hybrid", "target_tokens": 300})
        )
        shown = context(api, "costs")
        assert shown["token_count"] == done["tokens_after"] <= 300
        assert openai_tokens(COUNT, shown["messages"]) == shown["token_count"]
        assert shown["messages"][0] == {"role": "system", "content": "You help with orders."}
        assert shown["messages"][-1] == {"role": "user", "content": "And what now?"}
        assert shown["summary_ids"] == [done["summary"]["id"]]
        listed = api.get("/conversations/costs/messages", params={"limit": 200}).json()["data"]
        assert len(listed) == 32
        gone = {m["id"] for m in listed if m["is_compacted"]}
        assert len(gone) == done["messages_compacted"]
        assert gone.isdisjoint(shown["included"])
        live = api.get(
            "/conversations/costs/messages", params={"include_compacted": False, "limit": 200}
        ).json()["data"]
        assert [m["id"] for m in live] == shown["included"]

    def test_live_messages_page_on(self, api: Api) -> None:
        talk(api, "paging")
        api.patch("/conversations/paging/messages/m3", {"is_pinned": True})
        data(api.post("/conversations/paging/compact", {"target_tokens": 600}))
        for order in ("asc", "desc"):
            seen, cursor = [], None
            while True:
                query = {"include_compacted": False, "limit": 2, "order": order} | (
                    {"cursor": cursor} if cursor else {}
                )
                page = api.get("/conversations/paging/messages", params=query).json()
                seen += [m["id"] for m in page["data"]]
                cursor = page["next_cursor"]
                if cursor is None:
                    break
            assert seen == (context(api, "paging")["included"][:: 1 if order == "asc" else -1])

    @pytest.mark.parametrize("strategy", ["sliding_window", "summarization", "hybrid"])
    def test_each_strategy(self, api: Api, strategy: str) -> None:
        talk(api, f"with_{strategy}")
        done = data(
            api.post(
                f"/conversations/with_{strategy}/compact", {"strategy": strategy, "keep_recent": 5}
            )
        )
        assert done["strategy"] == strategy
        assert done["tokens_saved"] > 0
        assert (done["summary"] is None) == (strategy == "sliding_window")
        shown = context(api, f"with_{strategy}")
        assert len([m for m in shown["included"] if m != "sys"]) <= 5

    def test_nothing_to_compact(self, api: Api) -> None:
        api.start("short", "Hello")
        before = api.head()
        for body in (None, {"strategy": "hybrid"}, {"strategy": "none"}):
            done = data(api.post("/conversations/short/compact", body))
            assert (done["messages_compacted"], done["tokens_before"], done["tokens_saved"]) == (
                0,
                0,
                0,
            )
            assert done["summary"] is done["compaction_id"] is None
        assert api.head() == before
        talk(api, "by_hand_none")
        assert (
            data(api.post("/conversations/by_hand_none/compact", {"strategy": "none"}))[
                "tokens_saved"
            ]
            == 0
        )

    def test_again_at_once_there_is_nothing_to_do(self, api: Api) -> None:
        talk(api, "twice")
        assert data(api.post("/conversations/twice/compact"))["tokens_saved"] > 0
        before = api.head()
        assert data(api.post("/conversations/twice/compact"))["tokens_saved"] == 0
        assert api.head() == before

    def test_two_at_once(self, api: Api) -> None:
        talk(api, "race", 60)
        answers: list[httpx.Response] = []
        threads = [
            threading.Thread(target=lambda: answers.append(api.post("/conversations/race/compact")))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        told = [data(answer) for answer in answers]
        assert {each["compaction_id"] for each in told} - {None}
        made = [
            e for e in data_list(api, "race") if e["type"] == "verbatim.conversation_compacted.v1"
        ]
        assert len(made) == 1
        assert {each["tokens_after"] for each in told} <= {made[0]["data"]["tokens_after"], 0}

    def test_a_key_does_it_once(self, api: Api) -> None:
        talk(api, "keyed")
        headers = {"Idempotency-Key": "compact-keyed"}
        first = api.post("/conversations/keyed/compact", {"target_tokens": 500}, headers=headers)
        again = api.post("/conversations/keyed/compact", {"target_tokens": 500}, headers=headers)
        assert (first.json(), first.headers["etag"]) == (again.json(), again.headers["etag"])
        assert again.headers["idempotent-replayed"] == "true"
        other = api.post("/conversations/keyed/compact", {"target_tokens": 400}, headers=headers)
        refused(other, 422, "idempotency_key_reused")
        headers = {"Idempotency-Key": "compact-nothing"}
        first = api.post("/conversations/keyed/compact", {"target_tokens": 500}, headers=headers)
        assert data(first)["tokens_saved"] == 0
        api.post("/conversations/keyed/messages", {"role": "user", "content": "more"})
        again = api.post("/conversations/keyed/compact", {"target_tokens": 500}, headers=headers)
        assert first.json() == again.json()

    def test_if_match(self, api: Api) -> None:
        talk(api, "matched")
        refused(
            api.post("/conversations/matched/compact", headers={"If-Match": '"1"'}),
            412,
            "version_mismatch",
        )

    def test_events_show_it(self, api: Api) -> None:
        talk(api, "shown")
        done = data(api.post("/conversations/shown/compact"))
        event = data_list(api, "shown")[-1]
        assert event["type"] == "verbatim.conversation_compacted.v1"
        assert event["data"]["compaction_id"] == done["compaction_id"]
        assert event["data"]["pieces"]


def data_list(api: Api, name: str) -> list:
    return api.get(f"/conversations/{name}/events", params={"limit": 200}).json()["data"]


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


def all_of(api: Api, name: str) -> list:
    return api.get(f"/conversations/{name}/messages", params={"limit": 200}).json()["data"]


class TestPins:
    def test_a_pinned_message_stays_and_a_compacted_one_comes_back(self, api: Api) -> None:
        talk(api, "pins")
        api.patch("/conversations/pins/messages/m2", {"is_pinned": True})
        data(api.post("/conversations/pins/compact", {"target_tokens": 400}))
        assert "m2" in context(api, "pins")["included"]
        before = context(api, "pins")
        gone = next(m for m in all_of(api, "pins") if m["is_compacted"])
        answer = api.patch(f"/conversations/pins/messages/{gone['id']}", {"is_pinned": True})
        assert (data(answer)["is_pinned"], data(answer)["is_compacted"]) == (True, False)
        shown = context(api, "pins")
        assert gone["id"] in shown["included"]
        assert shown["token_count"] == conversation(api, "pins")["context_tokens"]
        assert openai_tokens(COUNT, shown["messages"]) == shown["token_count"]
        listed = {m["id"]: m["is_compacted"] for m in all_of(api, "pins")}
        assert listed[gone["id"]] is False
        answer = api.patch(f"/conversations/pins/messages/{gone['id']}", {"is_pinned": False})
        assert data(answer)["is_compacted"] is True
        after = context(api, "pins")
        assert (after["messages"], after["token_count"]) == (
            before["messages"],
            before["token_count"],
        )
        assert conversation(api, "pins")["context_tokens"] == before["token_count"]


class TestSummaries:
    def test_a_later_one_takes_the_place_of_the_one_before(self, api: Api) -> None:
        talk(api, "rolling", 60)
        first = data(api.post("/conversations/rolling/compact", {"target_tokens": 900}))
        for n in range(6):
            api.post(
                "/conversations/rolling/messages",
                {"role": ["assistant", "user"][n % 2], "content": TEXTS[n % 2].format(n=90 + n)},
            )
        second = data(api.post("/conversations/rolling/compact", {"target_tokens": 500}))
        listed = api.get("/conversations/rolling/summaries").json()
        assert [s["id"] for s in listed["data"]] == [
            first["summary"]["id"],
            second["summary"]["id"],
        ]
        assert [s["superseded"] for s in listed["data"]] == [True, False]
        live = listed["data"][1]
        assert live["message_count"] == first["messages_compacted"] + second["messages_compacted"]
        assert live["summarizer"] == {"name": "extracts", "version": "1", "model": None}
        pages = [
            api.get("/conversations/rolling/summaries", params={"limit": 1, "order": "desc"}).json()
        ]
        pages.append(
            api.get(
                "/conversations/rolling/summaries",
                params={"limit": 1, "order": "desc", "cursor": pages[0]["next_cursor"]},
            ).json()
        )
        assert [p["data"][0]["id"] for p in pages] == [
            second["summary"]["id"],
            first["summary"]["id"],
        ]
        assert [p["has_more"] for p in pages] == [True, False]


PADDING = "Nothing else is known about it for the time being, we are sorry to say. " * 5


class TestRetraction:
    def test_what_leaves_with_a_message_is_worked_out(self, api: Api) -> None:
        """A call takes its results along, a result leaves a repair, a compacted message its pieces."""
        call = {"type": "function", "function": {"name": "find", "arguments": '{"id": 4711}'}}
        messages = [{"role": "user", "content": "Where is 4711, please?", "id": "q"}]
        for n in range(3):
            calls = [call | {"id": f"c{n}"}]
            messages += [
                {"role": "assistant", "content": None, "tool_calls": calls, "id": f"call{n}"},
                {
                    "role": "tool",
                    "tool_call_id": f"c{n}",
                    "content": f"It is on shelf {n} in hall ZX-{n}. " + PADDING,
                    "id": f"result{n}",
                },
            ]
        api.post("/conversations", {"id": "retracted", "messages": messages})

        def check() -> None:
            shown = context(api, "retracted")
            assert shown["token_count"] == conversation(api, "retracted")["context_tokens"]
            assert shown["token_count"] == openai_tokens(COUNT, shown["messages"])

        check()
        retract(api, "retracted", "result0")
        check()
        assert context(api, "retracted")["messages"][2]["content"] == "[no result recorded]"
        again = {"role": "tool", "tool_call_id": "c0", "content": "It is lost."}
        assert api.post("/conversations/retracted/messages", again).status_code == 201
        check()
        assert context(api, "retracted")["messages"][2]["content"] == "It is lost."
        refused(api.post("/conversations/retracted/messages", again), 400, "unmatched_tool_call")
        retract(api, "retracted", "call1")
        check()
        assert {"message_id": "result1", "reason": "call_retracted"} in context(api, "retracted")[
            "omitted"
        ]
        assert (
            data(
                api.post(
                    "/conversations/retracted/compact",
                    {"strategy": "summarization", "keep_recent": 0, "target_tokens": 80},
                )
            )["tokens_saved"]
            > 0
        )
        check()
        assert "hall ZX-2" in str(context(api, "retracted")["messages"])
        retract(api, "retracted", "result2")
        check()
        assert "hall ZX-2" not in str(context(api, "retracted")["messages"])

    def test_a_group_is_found_past_what_was_retracted(self, api: Api) -> None:
        """An id is used twice, and the later call retracted: the answer is the earlier one's, pinned back with it."""
        call = {"type": "function", "function": {"name": "find", "arguments": "{}"}, "id": "c"}
        messages = [
            {"role": "assistant", "content": None, "tool_calls": [call], "id": "first"},
            {"role": "assistant", "content": None, "tool_calls": [call], "id": "second"},
            {"role": "tool", "tool_call_id": "c", "content": PADDING, "id": "answer"},
            {"role": "user", "content": "And now?", "id": "now"},
        ]
        api.post("/conversations", {"id": "past", "messages": messages})
        retract(api, "past", "second")
        assert data(api.post("/conversations/past/compact"))["messages_compacted"] == 2
        api.patch("/conversations/past/messages/answer", {"is_pinned": True})
        shown = context(api, "past")
        assert shown["included"] == ["first", "answer", "now"]
        assert shown["token_count"] == conversation(api, "past")["context_tokens"]

    def test_a_group_is_found_past_what_came_back(self, api: Api) -> None:
        """A later call of the id is back already, and its answer retracted: it is not the call of what is out."""
        call = {"type": "function", "function": {"name": "find", "arguments": "{}"}, "id": "c"}
        messages = [
            {"role": "assistant", "content": None, "tool_calls": [call], "id": "first"},
            {"role": "assistant", "content": None, "tool_calls": [call], "id": "second"},
            {"role": "tool", "tool_call_id": "c", "content": PADDING, "id": "of_second"},
            {"role": "tool", "tool_call_id": "c", "content": PADDING, "id": "of_first"},
            {"role": "user", "content": "And now?", "id": "now"},
        ]
        api.post("/conversations", {"id": "back", "messages": messages})
        assert data(api.post("/conversations/back/compact"))["messages_compacted"] == 4
        api.patch("/conversations/back/messages/second", {"is_pinned": True})
        retract(api, "back", "of_second")
        api.patch("/conversations/back/messages/of_first", {"is_pinned": True})
        shown = context(api, "back")
        assert shown["included"] == ["first", "of_first", "second", "now"]
        assert shown["token_count"] == conversation(api, "back")["context_tokens"]


def retract(api: Api, name: str, item: str) -> None:
    path = f"{api.address}/openai/v1/conversations/{name}/items/{item}"
    answer = httpx.delete(path, headers={"Authorization": f"Bearer {api.key}"})
    assert answer.status_code == 200, answer.text
