"""Pins and retractions of compacted messages: over the real service."""

from domain.compaction.counting import openai_tokens
from tests.services.compaction.asking import (
    COUNT,
    all_of,
    context,
    conversation,
    data,
    retract,
    talk,
)
from tests.services.support import Api, refused


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
