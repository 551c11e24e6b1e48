"""What of a request is new to a conversation."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.messages import Said, new_ones, said


def say(text: str) -> Said:
    """`u1` is a user's text, `a1` an answer, `s1` an instruction, `t1` a tool's."""
    roles = {"u": "user", "a": "assistant", "s": "system", "d": "developer", "t": "tool"}
    return said(roles[text[0]], msgspec.json.encode(text), b"null", None)


@pytest.mark.parametrize(
    ("stored", "sent", "new"),
    [
        ("", "u1", "u1"),
        ("", "s1 u1 a1 u2", "s1 u1 a1 u2"),
        ("u1 a1", "u1 a1 u2", "u2"),
        ("s1 u1 a1", "s1 u1 a1 u2", "u2"),
        ("s1 u1 a1", "s2 u1 a1 u2", "s2 u2"),
        ("s1 u1 a1", "u1 a1 u2 s1", "u2"),
        ("u1 a1", "u2", "u2"),
        ("u1 a1", "u1", "u1"),
        ("u1", "u1", ""),
        ("u1 a1 u2", "u1 a1 u2", ""),
        ("u1 a1 u2", "u1 a1 u3", "u3"),
        ("u1 a1 u2 a2", "a2 u3", "u3"),
        ("u1 a1", "u9 a9 u2 u3", "u2 u3"),
        ("u1 a1", "u1 a1 t1 t2", "t1 t2"),
        ("u1 a1", "t1 t2", "t1 t2"),
        ("u1 a1", "u2 a2", "u2 a2"),
        ("", "s1 s1 u1", "s1 u1"),
        ("u1", "d1 u1 u2", "d1 u2"),
        # what stands unanswered at the end, and is sent again
        ("u1 a1 u2", "u2", ""),
        ("s1 u1 a1 u2", "s1 u2", ""),
        ("u1 a1 u2", "a1 u2", ""),
        ("u1 a1 u2", "u2 u3", "u3"),
        ("u1 a1 u2 u3", "u3", ""),
        ("u1 a1 u2 u3", "u3 u4", "u4"),
        ("u1 a1 u2 u3", "u2", "u2"),
        ("u1 a1 u2 u2", "u2 u2", ""),
        ("u1 a1 u2", "u2 u2", "u2"),
        ("u1 a1 t1 t2", "t1 t2", ""),
        ("u1 a1 u2", "u2 a2", "a2"),
        ("u1 a1 u2 a2", "u2", "u2"),
    ],
)
def test_examples(stored: str, sent: str, new: str) -> None:
    messages = sent.split()
    found = new_ones([say(m) for m in messages], [say(m) for m in stored.split()])
    assert [messages[place] for place in found] == new.split()


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1" * 400 + b".0"])
def test_a_number_that_no_float_holds(number: bytes) -> None:
    """Whoever stores it says what is wrong with it; here it only equals itself."""
    parts = b'[{"type":"text","text":"a","n":%s}]' % number
    sent = said("user", parts, b'[{"n":%s}]' % number, None)
    assert new_ones([sent], [sent]) == []
    assert new_ones([sent], [say("u1")]) == [0]


texts = st.lists(st.sampled_from(["u1", "u2", "a1", "s1"]), max_size=8)


@given(texts, texts)
def test_a_whole_history_leaves_only_the_rest(stored: list[str], more: list[str]) -> None:
    fresh = new_ones([say(m) for m in stored + more], [say(m) for m in stored])
    spoken = [
        place for place, m in enumerate(stored + more) if m[0] != "s" and place >= len(stored)
    ]
    assert [place for place in fresh if (stored + more)[place][0] != "s"] == spoken


@given(texts, texts.filter(lambda sent: any(m[0] == "u" for m in sent[-1:])))
def test_what_the_user_says_last_is_new_unless_it_stands_there(
    stored: list[str], sent: list[str]
) -> None:
    fresh = new_ones([say(m) for m in sent], [say(m) for m in stored])
    spoken = [m for m in stored if m[0] != "s"]
    heard = spoken == [m for m in sent if m[0] != "s"]
    waits = spoken[-1:] == sent[-1:]
    assert len(sent) - 1 in fresh or heard or waits


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((b'"x"', b"null"), (b'[ {"text":"x", "type":"text"} ]', b"null")),
        ((b'"x"', b"null"), (b'"\\u0078"', b"[]")),
        ((b"null", b'[{"id":"c","type":"function"}]'), (b'""', b'[{"type":"function", "id":"c", "index":0}]')),
    ],
)  # fmt: skip
def test_ways_to_write_the_same(one: tuple[bytes, bytes], other: tuple[bytes, bytes]) -> None:
    assert said("assistant", *one, None) == said("assistant", *other, None)


def test_what_differs() -> None:
    parts = b'[{"type":"text","text":"x"},{"type":"text","text":"y"}]'
    assert said("user", b'"xy"', b"null", None) != said("user", parts, b"null", None)
    assert said("tool", b'"x"', b"null", "a") != said("tool", b'"x"', b"null", "b")
    assert said("user", b'"x"', b"null", None, "ann") != said("user", b'"x"', b"null", None, "bob")
    assert said("assistant", b'"x"', b"null", None, "m") == said("assistant", b'"x"', b"null", None)


def test_two_people_who_say_the_same() -> None:
    ann, bob = (said("user", b'"yes"', b"null", None, name) for name in ("ann", "bob"))
    assert new_ones([bob], [say("u1"), say("a1"), ann]) == [0]
    assert new_ones([bob], [ann]) == [0]
