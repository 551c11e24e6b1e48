"""What is wrong with a value, in plain words: msgspec's own texts go in, so a change of them is seen here."""

from datetime import date, datetime
from typing import Annotated

import msgspec
import pytest

from services.http.decode import body_decoder
from services.http.errors import ApiError

Few = Annotated[list[int], msgspec.Meta(min_length=1, max_length=2)]


class Body(msgspec.Struct):
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=3)] | None = None
    count: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    share: float = 0.5
    whole: bool = True
    few: Few | None = None
    pairs: Annotated[dict[str, str], msgspec.Meta(max_length=1)] | None = None
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    day: date | None = None


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"text": ""}', "expected a string of at least 1 character"),
        ('{"text": "long"}', "expected a string of at most 3 characters"),
        ('{"text": 5}', "expected a string or null, not an integer"),
        ('{"count": 0}', "expected an integer of at least 1"),
        ('{"count": 100000000000000000000000}', "expected an integer of at most 100"),
        ('{"count": 1.5}', "expected an integer, not a number"),
        ('{"count": true}', "expected an integer, not a boolean"),
        ('{"share": "x"}', "expected a number, not a string"),
        ('{"whole": null}', "expected true or false, not null"),
        ('{"few": []}', "expected an array of at least 1 item"),
        ('{"few": [1, 2, 3]}', "expected an array of at most 2 items"),
        ('{"few": {}}', "expected an array or null, not an object"),
        ('{"pairs": {"a": "b", "c": "d"}}', "expected an object of at most 1 pair"),
        ('{"at": "soon"}', "expected an RFC 3339 time with an offset, such as 2027-01-01T00:00:00Z"),
        ('{"at": "2027-01-01T00:00:00"}', "expected an RFC 3339 time with an offset, such as 2027-01-01T00:00:00Z"),
        ('{"day": "soon"}', "expected a day, such as 2027-01-31"),
        ('{"day": 5}', "expected a day, such as 2027-01-31 or null, not an integer"),
        ("[]", "expected an object, not an array"),
    ],
)  # fmt: skip
def test_what_is_told(body: str, told: str) -> None:
    with pytest.raises(ApiError) as caught:
        body_decoder(Body)(body.encode())
    assert caught.value.message == told
