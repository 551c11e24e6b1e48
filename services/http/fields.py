"""The kinds of value that bodies and query strings share."""

from datetime import datetime
from typing import Annotated

import msgspec

PLAIN = {"pattern": "^[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]*$"}
"""For the document; what refuses control characters says so better than a pattern."""
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255, extra_json_schema=PLAIN)]
Moment = Annotated[datetime, msgspec.Meta(tz=True, description="RFC 3339, with an offset.")]
PairName = Annotated[str, msgspec.Meta(min_length=1, max_length=64, extra_json_schema=PLAIN)]
PairValue = Annotated[str, msgspec.Meta(max_length=512, extra_json_schema=PLAIN)]
Pairs = Annotated[dict[PairName, PairValue], msgspec.Meta(max_length=16)]
KeepRecent = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
TargetTokens = Annotated[int, msgspec.Meta(ge=1, le=100_000_000)]
Instructions = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=4_000,
        description="For a model that summarises; the built-in summariser takes none.",
    ),
]
