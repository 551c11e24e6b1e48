"""Headers with weights."""

import pytest

from services.http.accept import accepts_gzip, accepts_media

JSON = ("application/json",)


@pytest.mark.parametrize(
    ("header", "offered", "accepted"),
    [
        (b"", JSON, True),
        (b"*/*", JSON, True),
        (b"application/json", JSON, True),
        (b"Application/JSON; charset=utf-8", JSON, True),
        (b"application/*;q=0.1", JSON, True),
        (b"text/html, */*;q=0.1", JSON, True),
        (b"text/html", JSON, False),
        (b"text/html", ("application/json", "text/html"), True),
        (b"application/json;q=0", JSON, False),
        (b"application/json;q=0.000, */*", JSON, False),
        (b"*/*;q=0", JSON, False),
        (b"*/*;q=0, application/json", JSON, True),
        (b"application/*;q=0, */*", JSON, False),
        (b"application/vnd.api+json", JSON, False),
        (b"nonsense", JSON, False),
        (b",;q=,", JSON, False),
        (b"\xff/\x00", JSON, False),
    ],
)
def test_media(header: bytes, offered: tuple[str, ...], accepted: bool) -> None:
    assert accepts_media(header, offered) is accepted


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (b"", False),
        (b"gzip", True),
        (b"br, GZIP;q=0.5", True),
        (b"*", True),
        (b"gzip;q=0", False),
        (b"*;q=0", False),
        (b"gzip; q=0.0, *", False),
        (b"br", False),
        (b"identity", False),
    ],
)
def test_gzip(header: bytes, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted
