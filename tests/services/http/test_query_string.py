"""Query strings: exact forms, and errors that name the parameter."""

from typing import Annotated, Literal

import msgspec
import pytest

from services.http.errors import ApiError
from services.http.fields import Moment, Pairs
from services.http.query_string import query_decoder


class Query(msgspec.Struct, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    least: int | None = None
    order: Literal["asc", "desc"] = "desc"
    whole: bool = True
    since: Moment | None = None
    metadata: Pairs | None = None
    text: str | None = None


decode = query_decoder(Query)


def test_everything() -> None:
    found = decode(
        b"limit=7&least=-3&order=asc&whole=false&since=2026-01-01T00:00:00%2B01:00"
        b"&metadata[a]=1&metadata%5Bb%20c%5D=%C3%B1&metadata[[d]]=&text=1+2"
    )
    assert (found.limit, found.least, found.order, found.whole) == (7, -3, "asc", False)
    assert found.since is not None
    assert found.since.utcoffset() is not None
    assert found.metadata == {"a": "1", "b c": "ñ", "[d]": ""}
    assert found.text == "1 2"
    assert decode(b"") == decode(b"&&") == Query()


def test_null_is_a_word_like_any() -> None:
    assert decode(b"text=null").text == "null"
    assert decode(b"metadata[a]=null").metadata == {"a": "null"}


@pytest.mark.parametrize("name", ["limit", "least", "order", "whole", "since"])
def test_null_is_no_value(name: str) -> None:
    with pytest.raises(ApiError) as caught:
        decode(f"{name}=null".encode())
    assert (caught.value.code, caught.value.param) == ("invalid_value", name)


@pytest.mark.parametrize(
    ("raw", "param", "code"),
    [
        (b"limit=0", "limit", "invalid_value"),
        (b"limit=", "limit", "invalid_value"),
        (b"limit=1e1", "limit", "invalid_value"),
        (b"limit=5.0", "limit", "invalid_value"),
        (b"limit=%2B5", "limit", "invalid_value"),
        (b"limit=%D9%A5", "limit", "invalid_value"),
        (b"limit=5%20", "limit", "invalid_value"),
        (b"limit=" + b"9" * 5_000, "limit", "invalid_value"),
        (b"least=99999999999999999999999", "least", "invalid_value"),
        (b"limit=1&limit=2", "limit", "repeated_parameter"),
        (b"limit[a]=1", "limit[a]", "unknown_parameter"),
        (b"limit=1&limit[a]=1", "limit[a]", "unknown_parameter"),
        (b"order=up", "order", "invalid_value"),
        (b"whole=perhaps", "whole", "invalid_value"),
        (b"since=2026", "since", "invalid_value"),
        (b"since=1767225600", "since", "invalid_value"),
        (b"since=2026-01-01", "since", "invalid_value"),
        (b"since=2026-01-01T00:00:00", "since", "invalid_value"),
        (b"since=2026-01-01T00:00:00+01:00", "since", "invalid_value"),
        (b"since=2026-13-01T00:00:00Z", "since", "invalid_value"),
        (b"metadata=1", "metadata", "invalid_value"),
        (b"metadata=1&metadata[a]=1", "metadata", "invalid_value"),
        (b"metadata[a]=1&metadata[a]=1", "metadata[a]", "repeated_parameter"),
        (b"metadata[]=1", "metadata", "invalid_value"),
        (b"metadata[a]=%00", "metadata[a]", "invalid_characters"),
        (b"metadata[%0A]=1", "metadata[?]", "invalid_characters"),
        (b"metadata[" + b"k" * 65 + b"]=1", "metadata", "invalid_value"),
        (b"metadata[a]=" + b"v" * 513, "metadata", "invalid_value"),
        (b"&".join(b"metadata[%d]=1" % n for n in range(17)), "metadata", "invalid_value"),
        (b"metadata[a=1", "metadata[a", "unknown_parameter"),
        (b"Limit=1", "Limit", "unknown_parameter"),
        (b"nope%00=1", "nope?", "unknown_parameter"),
        (b"text=%ff", None, "invalid_encoding"),
        (b"text=\xc3\xb1", None, "invalid_encoding"),
    ],
)
def test_what_is_refused(raw: bytes, param: str | None, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        decode(raw)
    assert (caught.value.status, caught.value.param, caught.value.code) == (400, param, code)


def test_messages_say_what_to_do() -> None:
    for raw, told in (
        (b"order=up", "expected one of asc, desc"),
        (b"limit=101", "expected an integer of at most 100"),
        (b"limit=ten", "expected an integer, written in digits"),
        (b"limit=" + b"9" * 30, "(at most 18)"),
        (b"since=2026-13-01T00:00:00Z", "expected an RFC 3339 time"),
        (b"since=2026-01-01T00:00:00+01:00", "%2B"),
        (b"metadata=1", "metadata[key]=value"),
    ):
        with pytest.raises(ApiError) as caught:
            decode(raw)
        assert told in caught.value.message
