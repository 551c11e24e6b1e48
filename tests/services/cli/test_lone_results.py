"""An export may hold results whose call was retracted: each gets one that stands in for it."""

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.calls import call_ids, close_call, open_calls_of
from services.cli.lines import Message
from services.cli.lone_results import with_calls

MOMENT = "2026-03-14T12:00:00Z"


def exported(name: str, role: str, **more: Any) -> Message:
    fields = {"id": name, "role": role, "created_at": MOMENT} | more
    return {name: msgspec.Raw(json.dumps(value).encode()) for name, value in fields.items()}


def call(name: str, *ids: str) -> Message:
    return exported(name, "assistant", tool_calls=[{"id": each} for each in ids])


def result(name: str, call_id: str) -> Message:
    return exported(name, "tool", tool_call_id=call_id, content="found")


def names(messages: list[Message]) -> list[str]:
    return [json.loads(bytes(message["id"])) for message in messages]


def test_what_is_whole_stays_as_it_is() -> None:
    messages = [call("c", "a", "b"), result("1", "b"), result("2", "a"), exported("u", "user")]
    assert with_calls(messages) == (messages, [])


def test_a_call_is_put_right_before_its_result() -> None:
    messages = [call("c", "a"), result("1", "a"), result("2", "a"), exported("u", "user")]
    made, retracted = with_calls(messages)
    assert names(made) == ["c", "1", *retracted, "2", "u"]
    stand_in = made[2]
    assert call_ids(stand_in["tool_calls"]) == ["a"]
    assert json.loads(bytes(stand_in["created_at"])) == MOMENT
    assert with_calls(messages) == (made, retracted), "another time it has another id"


message = st.one_of(
    st.lists(st.sampled_from("ab"), max_size=3).map(lambda ids: ("call", *ids)),
    st.sampled_from("ab").map(lambda call_id: ("result", call_id)),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(message, max_size=12))
def test_every_result_has_its_call(told: list[tuple[str, ...]]) -> None:
    make = {"call": call, "result": result}
    messages = [make[kind](str(number), *ids) for number, (kind, *ids) in enumerate(told)]
    made, retracted = with_calls(messages)
    waiting: dict[str, tuple[int, ...]] = {}
    for number, one in enumerate(made):
        if json.loads(bytes(one["role"])) == "tool":
            call_id = json.loads(bytes(one["tool_call_id"]))
            assert call_id in waiting
            waiting = close_call(waiting, call_id)
        else:
            waiting = open_calls_of(waiting, number, call_ids(one.get("tool_calls", msgspec.Raw(b"null"))))  # fmt: skip
    assert [one for one in made if names([one])[0] not in retracted] == messages
    assert len(set(names(made))) == len(made)
