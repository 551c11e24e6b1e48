"""Compacting by hand, and the summaries it leaves: over the real service."""

import threading

import httpx
import pytest

from domain.compaction.counting import openai_tokens
from tests.services.compaction.asking import (
    COUNT,
    TEXTS,
    context,
    conversation,
    data,
    data_list,
    talk,
)
from tests.services.support import Api, refused


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

    def test_of_a_few_lines_none_is_lost(self, api: Api) -> None:
        """Half of their tokens holds no summary: nothing leaves. A target of the client's own is taken at its word."""
        api.start(
            "few", "My order 4711 came without its charger.", "It is for my mother.", "Thanks"
        )
        told = data(api.get("/conversations/few/compact/preview"))
        done = data(api.post("/conversations/few/compact"))
        assert told["messages_compacted"] == done["messages_compacted"] == done["tokens_saved"] == 0
        assert len(context(api, "few")["messages"]) == 3
        asked = data(api.post("/conversations/few/compact", {"target_tokens": 12}))
        assert asked["messages_compacted"] == 2
        assert asked["tokens_after"] <= 12

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
        assert live["summarizer"] == {"name": "extracts", "version": "2", "model": None}
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
