"""Ids of tool calls, out of JSON that is the caller's own."""

import msgspec
import pytest

from domain.calls import (
    call_ids,
    changed_calls,
    close_call,
    more_open,
    open_calls_of,
    withdraw_calls,
)


@pytest.mark.parametrize(
    ("tool_calls", "ids"),
    [
        ("null", []),
        (" null ", []),
        ("[]", []),
        ('[{"id":"a"},{"id":"b"},{"id":"a"}]', ["a", "b", "a"]),
        ('[{"id":"\\u0000 \\ud83d\\ude00"}]', ["\0 😀"]),
        ('[{"type":"no id"},{"id":null},{"id":"a"}]', ["a"]),
        ('[{"id":5},{"id":"a"},"text",7,null,[]]', ["a"]),
        ('[{"id":"a","n":1e999},{"id":"b","n":123456789012345678901234567890}]', ["a", "b"]),
        ('{"id":"a"}', []),
        ('"a"', []),
        ("5", []),
    ],
)
def test_ids_are_found_and_the_unknown_is_left_alone(tool_calls, ids):
    assert call_ids(msgspec.Raw(tool_calls.encode())) == ids


def test_what_changes_nothing_gives_the_same_mapping():
    calls = {"a": (1,)}
    assert open_calls_of(calls, 2, []) is calls
    assert close_call(calls, "b") is calls
    assert close_call(calls, None) is calls
    assert withdraw_calls(calls, 2) is calls


def test_what_changes_something_leaves_the_old_mapping_alone():
    calls = {"a": (1, 1, 3), "b": (1,)}
    assert open_calls_of(calls, 4, ["a", "c"]) == {"a": (1, 1, 3, 4), "b": (1,), "c": (4,)}
    assert close_call(calls, "a") == {"a": (1, 1), "b": (1,)}
    assert close_call(calls, "b") == {"a": (1, 1, 3)}
    assert withdraw_calls(calls, 1) == {"a": (3,)}
    assert calls == {"a": (1, 1, 3), "b": (1,)}


def test_calls_wait_again_and_no_more():
    story = open_calls_of(open_calls_of({}, 2, ["a"]), 5, ["a", "a", "b"])
    assert changed_calls(close_call(story, "a"), {"a": (5,)}, {}) == story
    assert changed_calls({}, {"a": (2,)}, {}) == {"a": (2,)}
    assert changed_calls(story, {"b": (2,)}, {"a": (5,)}) == {"a": (2, 5), "b": (2, 5)}
    assert changed_calls(story, {}, {"b": (5,), "c": (1,)}) == {"a": (2, 5, 5)}


def test_what_one_has_open_more_than_the_other():
    assert more_open({"a": (1, 1, 3), "b": (2,)}, {"a": (1,), "b": (2,), "c": (4,)}) == {
        "a": (1, 3)
    }
    assert more_open({}, {"a": (1,)}) == {}
