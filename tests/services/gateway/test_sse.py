"""Events are cut where they end, wherever the packets are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.sse import Splitter, data_of, named

ENDS = [b"\n\n", b"\r\n\r\n", b"\r\r"]
events = st.lists(
    st.builds(
        lambda text, end: b"data: " + text.encode() + end,
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=6),
        st.sampled_from(ENDS),
    ),
    max_size=6,
)


@given(events, st.binary(max_size=3).filter(lambda rest: not rest.strip(b"abc")), st.data())
def test_any_cut_gives_the_same_events(
    events: list[bytes], rest: bytes, data: st.DataObject
) -> None:
    whole = b"".join(events) + rest
    splitter, found, start = Splitter(), [], 0
    while start < len(whole):
        size = data.draw(st.integers(1, 9))
        found += splitter.feed(whole[start : start + size])
        start += size
    assert found == events
    assert splitter.rest == rest


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: {}\n\n", b"{}"),
        (b"data:{}\r\n\r\n", b"{}"),
        (b"event: x\nid: 7\ndata: a\ndata: b\n\n", b"a\nb"),
        (b": alive\n\n", None),
        (b"data:\n\n", b""),
    ],
)
def test_what_an_event_carries(event: bytes, data: bytes | None) -> None:
    assert data_of(event) == data


def test_what_is_no_event() -> None:
    with pytest.raises(ValueError):
        data_of(b'{"choices": []}\n\n')


def test_our_field_comes_first() -> None:
    event = b'id: 1\ndata:  { "a": 1.10}\n\n'
    assert (
        named(event, b' { "a": 1.10}', "c")
        == b'id: 1\ndata: {"conversation_id":"c", "a": 1.10}\n\n'
    )
    assert named(b"data: {}\n\n", b"{}", "c") == b'data: {"conversation_id":"c"}\n\n'
